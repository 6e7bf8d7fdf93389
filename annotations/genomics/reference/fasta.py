"""Reads FASTA, plain or gzip by content, one contig at a time."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from annotations.genomics.errors import AnnotationError

_BLOCK = 1 << 24


def open_by_content(path: Path) -> BinaryIO:
    """A binary stream of the text within, unpacked where the file begins as gzip does."""
    with path.open("rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
    return cast(BinaryIO, gzip.open(path, "rb")) if packed else path.open("rb")


def read_fasta(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield (name, letters) for each contig; letters upper-case, without line ends.

    Raises AnnotationError(reference_not_fasta) where text stands before the first header, or
    there is none.
    """
    name: str | None = None
    parts: list[bytes] = []
    for piece in _pieces(path):
        if piece.startswith(b">"):
            if name is not None:
                yield name, b"".join(parts).upper()
            words = piece[1:].split()
            name, parts = (words[0].decode() if words else ""), []
        elif name is None:
            if piece.strip():
                raise AnnotationError("reference_not_fasta", f"{path.name} is not FASTA: it does not begin with '>'.")
        else:
            parts.append(piece.translate(None, b"\r\n \t"))
    if name is None:
        raise AnnotationError("reference_not_fasta", f"{path.name} holds no FASTA sequence.")
    yield name, b"".join(parts).upper()


def _pieces(path: Path) -> Iterator[bytes]:
    """Header lines by themselves, sequence in large blocks."""
    with open_by_content(path) as stream:
        rest = b""
        while block := stream.read(_BLOCK):
            block = rest + block + stream.readline()  # whole lines only
            rest = b""
            at = 0
            while at < len(block):
                header = at if block[at : at + 1] == b">" else block.find(b"\n>", at) + 1
                if header == at and block[at : at + 1] == b">":
                    line_end = block.find(b"\n", at)
                    line_end = len(block) if line_end < 0 else line_end
                    yield block[at:line_end]
                    at = line_end + 1
                elif header == 0:
                    yield block[at:]
                    at = len(block)
                else:
                    yield block[at:header]
                    at = header
