"""Looks at parts of a file, so that a file of gigabytes can be judged in a second."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from annotations.genomics.errors import AnnotationError
from annotations.genomics.vcf.containers import BGZF_END, Container, Openable, find_block, size_of, unpack_blocks

PARTS: Final = 12
_PACKED: Final = 96 << 10  # bytes of the file that a part reads where it is packed
_PLAIN: Final = 256 << 10


@dataclass(frozen=True, slots=True)
class Part:
    """Whole lines from the middle of a file. offset, packed_bytes: of the file itself."""

    offset: int
    packed_bytes: int
    data: bytes


def read_parts(path: Openable, container: Container, start: int) -> Iterator[Part]:
    """Parts at even distances after `start`; none of a gzip file, which can only be read from its start.

    Raises AnnotationError(damaged) where a BGZF block does not unpack.
    """
    reach = _PLAIN if container is Container.PLAIN else _PACKED
    with path.open("rb") as stream:
        size = size_of(stream)
        if container is Container.GZIP or size - start < 2 * reach:
            return
        for number in range(1, PARTS + 1):
            offset = start + (size - start - reach) * number // PARTS
            stream.seek(offset)
            raw = stream.read(reach)
            data, packed = (raw, len(raw)) if container is Container.PLAIN else _unpack(raw)
            first, last = data.find(b"\n") + 1, data.rfind(b"\n") + 1
            if 0 < first < last:
                yield Part(offset, packed * (last - first) // max(len(data), 1), data[first:last])


def _unpack(raw: bytes) -> tuple[bytes, int]:
    """Content of the whole blocks in raw, and how many packed bytes they took."""
    at = find_block(raw)
    if at < 0:
        return b"", 0
    data, rest = unpack_blocks(raw[at:])
    return data, len(raw) - at - len(rest)


def check_end(path: Openable, container: Container, columns: int) -> None:
    """Raises AnnotationError(truncated) where the file's end shows that it was cut off."""
    with path.open("rb") as stream:
        size = size_of(stream)
        if container is Container.BGZF:
            stream.seek(max(size - len(BGZF_END), 0))
            is_cut = stream.read() != BGZF_END
        elif container is Container.PLAIN:
            stream.seek(max(size - (1 << 16), 0))
            tail = stream.read()
            last = tail[tail.rfind(b"\n") + 1 :]
            is_cut = bool(last.strip()) and b"\n" in tail and last.count(b"\t") + 1 < columns
        else:
            is_cut = False
    if is_cut:
        raise AnnotationError("truncated", "The file was cut off: its end is missing; send it again.")
