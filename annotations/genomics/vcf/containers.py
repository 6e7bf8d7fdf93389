"""Unpacking: plain text, gzip or BGZF, told apart by content and never by name."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from enum import Enum
from typing import Any, BinaryIO, Final, Literal, Protocol

from zlib_ng import zlib_ng

from annotations.genomics.errors import AnnotationError
from annotations.genomics.vcf.limits import Limits

_PIECE: Final = 1 << 20
_GZIP_MAGIC: Final = b"\x1f\x8b"
_BLOCKS: Final = 16  # of BGZF that make a piece
_BLOCK_CONTENT: Final = 1 << 16
_BGZF_FIXED: Final = 18  # bytes of a BGZF block's header as every writer lays it out
BGZF_END: Final = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
"""The empty block that ends a complete BGZF file (SAM specification, 4.1.2)."""

UNPACKING_ERRORS: Final[tuple[Any, ...]] = (zlib.error, zlib_ng.error, EOFError)
_FOREIGN: Final = (
    (b"BAM\x01", "a BAM file (aligned reads)"),
    (b"CRAM", "a CRAM file (aligned reads)"),
    (b"BCF", "a BCF file: convert it with bcftools view -Oz"),
    (b"PK\x03\x04", "a ZIP archive: unpack it and send the VCF itself"),
    (b"\xfd7zXZ", "an xz file: unpack it and send the VCF or VCF.gz"),
    (b"BZh", "a bzip2 file: unpack it and send the VCF or VCF.gz"),
    (b"\x28\xb5\x2f\xfd", "a zstd file: unpack it and send the VCF or VCF.gz"),
    (b"7z\xbc\xaf", "a 7z archive: unpack it and send the VCF itself"),
    (b"%PDF", "a PDF document"),
    (b"\xd0\xcf\x11\xe0", "an Excel or Word document"),
    (b"\xff\xfe", "UTF-16 text: save it as UTF-8"),
    (b"\xfe\xff", "UTF-16 text: save it as UTF-8"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
    (b"@HD\t", "a SAM file (aligned reads)"),
    (b"##gff-version", "a GFF file of genes"),
    (b">", "a FASTA file"),
)


class Openable(Protocol):
    """Where a file's bytes come from: a Path, or vcf.asked.AskedFile."""

    def open(self, mode: Literal["rb"], /) -> BinaryIO:
        """A stream of the bytes that can seek."""


def size_of(stream: BinaryIO) -> int:
    """Bytes of a stream; it stands at its start afterwards."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    return size


class Container(Enum):
    """How a file is packed."""

    PLAIN = "plain"
    GZIP = "gzip"
    BGZF = "bgzf"


def detect_container(head: bytes) -> Container:
    """Container of a file from its first 18 bytes or more."""
    if not head.startswith(_GZIP_MAGIC):
        return Container.PLAIN
    is_bgzf = len(head) >= _BGZF_FIXED and head[3] & 4 and head[12:16] == b"BC\x02\x00"
    return Container.BGZF if is_bgzf else Container.GZIP


def check_is_text(start: bytes) -> None:
    """start: the first unpacked bytes. Raises AnnotationError(not_vcf) for other kinds of file."""
    if not start:
        raise AnnotationError("empty", "The file is empty.")
    for magic, what in _FOREIGN:
        if start.startswith(magic):
            raise AnnotationError("not_vcf", f"This is not a VCF but {what}.")


class Packed:
    """One pass over a file's unpacked bytes. bytes_read, bytes_total: of the file itself, packed."""

    def __init__(self, path: Openable, limits: Limits) -> None:
        self.limits = limits
        self.bytes_read = 0  # of the file, unpacked or about to be
        self.held = 0  # bytes of those that are not unpacked yet
        self.unpacked = 0
        self._stream = path.open("rb")
        self.bytes_total = size_of(self._stream)
        self.container = detect_container(self._stream.read(_BGZF_FIXED))
        self._stream.seek(0)

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def pieces(self) -> Iterator[bytes]:
        """Unpacked bytes in pieces of about 1 MB. Raises for damage, truncation and bombs."""
        unpack = {
            Container.PLAIN: self._plain,
            Container.GZIP: self._gzip,
            Container.BGZF: self._bgzf,
        }[self.container]
        for piece in unpack():
            self.unpacked += len(piece)
            self._check_size()
            if piece:
                yield piece

    def _check_size(self) -> None:
        limits = self.limits
        if self.unpacked > limits.unpacked_bytes:
            raise AnnotationError("too_large", f"The file unpacks to more than {limits.unpacked_bytes >> 30:,} GB.")
        if self.unpacked > limits.ratio_from and self.unpacked > limits.ratio * self.bytes_read:
            raise AnnotationError(
                "ratio",
                f"The file unpacks to more than {limits.ratio} times its size, as no real VCF does.",
            )

    def _read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self.bytes_read += len(data)
        return data

    def _plain(self) -> Iterator[bytes]:
        while data := self._read(_PIECE):
            yield data

    def _gzip(self) -> Iterator[bytes]:
        data = self._read(_PIECE)
        while data:
            unpacker = zlib_ng.decompressobj(31)
            while not unpacker.eof:
                if not data and not (data := self._read(_PIECE)):
                    raise _truncated("it ends in the middle of its packed data")
                try:
                    piece = unpacker.decompress(data, _PIECE)
                except UNPACKING_ERRORS:
                    raise _damaged() from None
                data = unpacker.unconsumed_tail
                self.held = len(data)
                yield piece
            data = unpacker.unused_data.lstrip(b"\0") or self._read(_PIECE).lstrip(b"\0")
            if data and not data.startswith(_GZIP_MAGIC):
                raise _damaged()

    def _bgzf(self) -> Iterator[bytes]:
        data = b""
        is_ended = False
        while more := self._read(_PIECE):
            data += more
            at, blocks = 0, []
            while at + _BGZF_FIXED <= len(data):
                if not is_block(data, at):
                    raise _damaged()
                size = block_size(data, at)
                if at + size > len(data):
                    break
                blocks.append(unpack_block(data[at : at + size]))
                at += size
                is_ended = not blocks[-1]
                if len(blocks) == _BLOCKS:
                    self.held = len(data) - at
                    yield b"".join(blocks)
                    blocks = []
            data = data[at:]
            self.held = len(data)
            yield b"".join(blocks)
        if data or not is_ended:
            raise _truncated("its last block is missing")


def unpack_block(block: bytes) -> bytes:
    """Content of one complete BGZF block. Raises AnnotationError(damaged)."""
    if len(block) <= _BGZF_FIXED + 8:
        raise _damaged()
    checksum, size = struct.unpack_from("<II", block, len(block) - 8)
    if size > _BLOCK_CONTENT:
        raise _damaged()
    try:
        content: bytes = zlib_ng.decompress(block[_BGZF_FIXED:-8], -15, max(size, 1))
    except UNPACKING_ERRORS:
        raise _damaged() from None
    if len(content) != size or zlib_ng.crc32(content) != checksum:
        raise _damaged()
    return content


def is_block(data: bytes, at: int) -> bool:
    """A BGZF block seems to begin at data[at]."""
    return data[at : at + 4] == b"\x1f\x8b\x08\x04" and data[at + 12 : at + 16] == b"BC\x02\x00"


def block_size(data: bytes, at: int) -> int:
    """Packed bytes of the block that begins at data[at]."""
    return int(struct.unpack_from("<H", data, at + 16)[0]) + 1


def find_block(data: bytes) -> int:
    """Where the first block begins that another follows; -1 without one."""
    at = data.find(b"\x1f\x8b\x08\x04")
    while 0 <= at < len(data) - _BGZF_FIXED:
        if is_block(data, at) and is_block(data, at + block_size(data, at)):
            return at
        at = data.find(b"\x1f\x8b\x08\x04", at + 1)
    return -1


def unpack_blocks(data: bytes) -> tuple[bytes, bytes]:
    """(content of the whole blocks at the start of data, what is left). Raises AnnotationError(damaged)."""
    at, contents = 0, []
    while at + _BGZF_FIXED <= len(data):
        if not is_block(data, at):
            raise _damaged()
        size = block_size(data, at)
        if at + size > len(data):
            break
        contents.append(unpack_block(data[at : at + size]))
        at += size
    return b"".join(contents), data[at:]


def _truncated(how: str) -> AnnotationError:
    return AnnotationError(
        "truncated",
        f"The file was cut off: {how}; send it again, or pack the complete VCF anew with bgzip.",
    )


def _damaged() -> AnnotationError:
    return AnnotationError("damaged", "The packed data are damaged; send the file again, or pack the VCF anew.")
