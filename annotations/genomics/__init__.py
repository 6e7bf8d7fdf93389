"""The annotator: what a variant does to genes, on its own, without the service around it.

    from annotations.genomics import annotate_variants, load_reference
    reference = load_reference(Path("var/references/demo"))
    annotate_variants(reference, [("chr19", 44908822, "C", "T")])

Names are loaded when they are asked for: numba takes half a second to import.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from annotations.genomics.errors import AnnotationError as AnnotationError
    from annotations.genomics.pipeline import annotate as annotate
    from annotations.genomics.reference.build import BuildInputs as BuildInputs
    from annotations.genomics.reference.build import build_reference as build_reference
    from annotations.genomics.reference.load import Reference as Reference
    from annotations.genomics.reference.load import load_reference as load_reference
    from annotations.genomics.reference.load import references_folder as references_folder
    from annotations.genomics.request import Receipt as Receipt
    from annotations.genomics.request import Request as Request
    from annotations.genomics.variants import annotate_variants as annotate_variants

_HOMES: Final = {
    "AnnotationError": "errors",
    "BuildInputs": "reference.build",
    "Receipt": "request",
    "Reference": "reference.load",
    "Request": "request",
    "annotate": "pipeline",
    "annotate_variants": "variants",
    "build_reference": "reference.build",
    "load_reference": "reference.load",
    "references_folder": "reference.load",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
