"""BGZF: blocks of gzip that can be read from the middle (SAM specification, 4.1)."""

from __future__ import annotations

import struct
from typing import Final

import numpy as np
from zlib_ng import zlib_ng

from annotations.genomics.vcf.containers import BGZF_END
from annotations.genomics.vcf.records import Bytes, Int64s

BLOCK: Final = 65280
"""Bytes of content in every block but the last. Blocks are cut from the stream as a whole, so the
file's bytes depend neither on how the input was cut into chunks nor on the number of threads, and
the place of a byte in the file follows from its offset in the stream alone."""

_LEVEL: Final = 1
"""zlib-ng: the fastest whose bytes are the same in every run. isal's level 1 is twice as fast, and not."""
_HEAD: Final = bytes([31, 139, 8, 4, 0, 0, 0, 0, 0, 255, 6, 0, 66, 67, 2, 0])


def pack_block(content: memoryview) -> bytes:
    """One BGZF block. content: at most BLOCK bytes."""
    packed = zlib_ng.compress(content, _LEVEL, wbits=-15)
    size = len(packed) + 25
    if size > 0xFFFF:  # what does not shrink is stored: BLOCK + 5 + 26 bytes fit
        packed = struct.pack("<BHH", 1, len(content), len(content) ^ 0xFFFF) + bytes(content)
        size = len(packed) + 25
    checksum = zlib_ng.crc32(content)
    return b"".join((_HEAD, struct.pack("<H", size), packed, struct.pack("<II", checksum, len(content))))


def pack_blocks(contents: list[memoryview]) -> list[bytes]:
    """pack_block for each: a task of about the right size for one thread."""
    return [pack_block(content) for content in contents]


class BlockCutter:
    """Cuts a stream that arrives in parts into contents of BLOCK bytes."""

    def __init__(self) -> None:
        self._rest = b""
        self.written = 0  # bytes of the stream so far

    def cut(self, part: Bytes) -> list[memoryview]:
        """The blocks that part completes. They are views of it: it must stay until they are packed."""
        view = part.data
        self.written += len(view)
        if len(self._rest) + len(view) < BLOCK:
            self._rest += bytes(view)
            return []
        first = BLOCK - len(self._rest)
        blocks = [memoryview(self._rest + bytes(view[:first]))]
        last = first + (len(view) - first) // BLOCK * BLOCK
        blocks.extend(view[at : at + BLOCK] for at in range(first, last, BLOCK))
        self._rest = bytes(view[last:])
        return blocks

    def finish(self) -> list[memoryview]:
        """What is left, as a last and shorter block."""
        rest, self._rest = self._rest, b""
        return [memoryview(rest)] if rest else []


def virtual_offsets(stream_offsets: Int64s, block_offsets: Int64s) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    """BGZF's virtual offsets of bytes of the stream.

    block_offsets: where each block begins in the file, and at last where the file ends.
    """
    block = stream_offsets // BLOCK
    within = stream_offsets - block * BLOCK
    return (block_offsets[block].astype(np.uint64) << np.uint64(16)) | within.astype(np.uint64)


__all__ = ["BGZF_END", "BLOCK", "BlockCutter", "pack_block", "pack_blocks", "virtual_offsets"]
