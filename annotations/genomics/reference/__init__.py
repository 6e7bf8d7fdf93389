"""A compiled reference: an assembly's sequence and genes as arrays."""

from annotations.genomics.reference.build import BuildInputs, build_reference
from annotations.genomics.reference.load import Reference, load_reference, references_folder

__all__ = ["BuildInputs", "Reference", "build_reference", "load_reference", "references_folder"]
