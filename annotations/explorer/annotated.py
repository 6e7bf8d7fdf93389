"""The annotated VCF of a result as text, from its beginning on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

from annotations.genomics.vcf.containers import unpack_blocks

_READ: Final = 1 << 20
_FIRST_SAMPLE: Final = 9

Progress = Callable[[int], None]


class NotOfOneResultError(Exception):
    """The annotated VCF does not hold the alleles of the table."""


class TooManySamplesError(Exception):
    """Genotypes of so many samples are not kept."""


def sample_names(vcf: BinaryIO) -> tuple[str, ...]:
    """The samples that the header names."""
    header, _ = split_header(unpacked(vcf, lambda read: None))
    return named(header)


def unpacked(stream: BinaryIO, progress: Progress) -> Iterator[bytes]:
    """The text in parts; progress hears the bytes that are read."""
    read, rest = 0, b""
    while data := stream.read(_READ):
        read += len(data)
        progress(read)
        content, rest = unpack_blocks(rest + data)
        yield content


def split_header(parts: Iterator[bytes]) -> tuple[bytes, bytes]:
    """All leading lines up to that of the columns, and what was read beyond them. Raises NotOfOneResultError."""
    data = b""
    for part in parts:
        data += part
        place = data.find(b"\n#CHROM") + 1
        end = data.find(b"\n", place) + 1
        if place and end:
            return data[:end], data[end:]
    raise NotOfOneResultError("no line of columns")


def named(header: bytes) -> tuple[str, ...]:
    """The samples of a header."""
    return tuple(header.rstrip(b"\r\n").rpartition(b"\n")[2].decode().split("\t")[_FIRST_SAMPLE:])
