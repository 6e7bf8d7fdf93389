"""Compiles declared sources into a reference that is being built."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotations.genomics.errors import AnnotationError
from annotations.genomics.sources.declaration import SHIPPED, Declaration, SourceKind, find_declaration
from annotations.genomics.sources.exact import compile_exact
from annotations.genomics.sources.layout import FOLDER, save
from annotations.genomics.sources.places import compile_gene, compile_overlap

if TYPE_CHECKING:
    from annotations.genomics.reference.load import Reference

Given = Sequence[tuple[str, Path]]
"""(a shipped declaration's name or the path of one's own, a data file), in the order of outputs."""


def compile_sources(given: Given, reference: Reference) -> list[dict[str, Any]]:
    """Write the sources into reference.folder; their entries for the manifest.

    A name given with several files is one source. Raises AnnotationError for a declaration or a
    file that cannot be used, and where two sources want one key.
    """
    files: dict[str, list[Path]] = {}
    for name, path in given:
        files.setdefault(name, []).append(path)
    declarations = {name: find_declaration(name) for name in files}
    _check_keys(list(declarations.values()))
    described = []
    for number, (name, paths) in enumerate(files.items()):
        folder = reference.folder / FOLDER / str(number)
        folder.mkdir(parents=True)
        described.append(_compile(name, declarations[name], paths, reference, folder))
    return described


def _check_keys(declarations: list[Declaration]) -> None:
    from annotations.genomics.output.tables import SCHEMA  # Arrow takes a while to import

    taken = set(SCHEMA.names)
    for declaration in declarations:
        for field in declaration.fields:
            if field.column in taken:
                raise AnnotationError(
                    "source_key_twice",
                    f"Source {declaration.name} wants the key {field.key}, which another or a table's own column has.",
                    field=field.key,
                )
            taken.add(field.column)


def _compile(
    name: str, declaration: Declaration, paths: Sequence[Path], reference: Reference, folder: Path
) -> dict[str, Any]:
    from annotations.genomics.reference.manifest import digest_file

    for path in paths:
        if not path.is_file():
            raise AnnotationError("no_input", f"There is no file {path} for source {name}.")
    headers: dict[str, str] = {}
    if declaration.kind is SourceKind.EXACT:
        arrays, columns, counts, headers = compile_exact(declaration, paths, reference)
    elif declaration.kind is SourceKind.OVERLAP:
        arrays, columns, counts = compile_overlap(declaration, paths, reference)
    else:
        arrays, columns, counts = compile_gene(declaration, paths, reference)
    save(folder, arrays, columns)
    version = headers.get(declaration.version_header, "") if declaration.version_header else declaration.version
    toml = Path(name) if name.endswith(".toml") else SHIPPED / f"{name}.toml"
    return {
        "key": declaration.name,
        "version": "".join(letter for letter in version if letter.isprintable() and letter not in '"\\'),
        "counts": counts,
        "declaration": tomllib.loads(toml.read_text(encoding="utf-8")),
        "files": [{"file": path.name, "sha256": digest_file(path), "bytes": path.stat().st_size} for path in paths],
    }
