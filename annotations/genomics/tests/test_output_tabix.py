"""The index: what htslib finds with it is what reading every record finds."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotations.genomics.output.bgzf import BGZF_END, BLOCK, BlockCutter, pack_block, virtual_offsets
from annotations.genomics.output.tabix import IndexBuilder, find_bin
from annotations.genomics.tests.made import bgzf_sizes, unpack_gzip
from annotations.genomics.vcf.records import Records


def made_records(places: list[tuple[str, int, int]]) -> tuple[Records, np.ndarray, bytes]:
    """Records of (contig, pos, end), where each begins, and their text."""
    names = list(dict.fromkeys(contig for contig, _, _ in places))
    lines = [f"{contig}\t{pos}\t.\tN\t<DEL>\t.\t.\tEND={end}\n".encode() for contig, pos, end in places]
    count = len(places)
    empty = np.zeros(count, np.int64)
    records = Records(
        text=np.frombuffer(b"".join(lines), np.uint8),
        fields=np.zeros((count, 9), np.int64),
        line_end=empty,
        number=empty,
        names=tuple(name.encode() for name in names),
        name=np.array([names.index(contig) for contig, _, _ in places], np.int32),
        contig=np.zeros(count, np.int32),
        pos=np.array([pos for _, pos, _ in places], np.int64),
        end=np.array([end for _, _, end in places], np.int64),
        skip=np.zeros(count, np.uint8),
        own_csq=empty - 1,
    )
    return records, np.cumsum([0, *map(len, lines)]).astype(np.int64), b"".join(lines)


def write_indexed(path: Path, places: list[tuple[str, int, int]], chunk: int) -> str:
    """Write and index the records, `chunk` at a time; the suffix of the index."""
    builder, cutter, packed = IndexBuilder(), BlockCutter(), []
    head = b"##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    packed += [pack_block(block) for block in cutter.cut(np.frombuffer(head, np.uint8))]
    for at in range(0, len(places), chunk):
        records, offsets, text = made_records(places[at : at + chunk])
        builder.add(records, offsets, cutter.written)
        packed += [pack_block(block) for block in cutter.cut(np.frombuffer(text, np.uint8))]
    packed += [pack_block(block) for block in cutter.finish()]
    ends = np.cumsum([0, *map(len, packed), 0]).astype(np.int64)
    path.write_bytes(b"".join(packed) + BGZF_END)
    index = builder.build(lambda offsets: virtual_offsets(offsets, ends))
    path.with_name(path.name + builder.suffix).write_bytes(pack_block(memoryview(index)) + BGZF_END)
    return builder.suffix


def check_queries(path: Path, places: list[tuple[str, int, int]], random_: random.Random, span: int) -> None:
    with pysam.TabixFile(str(path), index=str(next(path.parent.glob(f"{path.name}.*i")))) as opened:
        assert opened.contigs == list(dict.fromkeys(contig for contig, _, _ in places))
        for _ in range(150):
            contig, near, _ = random_.choice(places)
            start = max(0, near - random_.randrange(span))
            end = start + random_.randrange(1, span)
            found = [line.split("\t")[1] for line in opened.fetch(contig, start, end)]
            assert found == [
                str(pos) for name, pos, last in places if name == contig and pos - 1 < end and last > start
            ]


@pytest.mark.parametrize("chunk", [1, 313, 10_000])
def test_htslib_finds_every_record_by_the_tbi(tmp_path: Path, chunk: int) -> None:
    random_ = random.Random(5)
    places = []
    for contig in ("chr2", "chr1", "HLA-A*01:01"):
        for pos in sorted(random_.randrange(1, 3_000_000) for _ in range(1500)):
            places.append((contig, pos, pos + random_.choice((0, 0, 0, 5, 20_000, 1_500_000))))
    path = tmp_path / "made.vcf.gz"
    assert write_indexed(path, places, chunk) == ".tbi"
    check_queries(path, places, random_, 40_000)


def test_a_contig_beyond_2_29_gets_a_csi_that_htslib_reads(tmp_path: Path) -> None:
    random_ = random.Random(6)
    places = [("long", pos, pos + 9) for pos in sorted(random_.randrange(1, 1_900_000_000) for _ in range(2000))]
    path = tmp_path / "made.vcf.gz"
    assert write_indexed(path, places, 700) == ".csi"
    check_queries(path, places, random_, 30_000_000)


@settings(deadline=None)
@given(st.integers(0, (1 << 31) - 2), st.integers(1, 1 << 24))
def test_a_bin_holds_its_interval_and_none_of_its_children_does(start: int, size: int) -> None:
    end = min(start + size, 1 << 31)
    number = find_bin(start, end)
    level = max(level for level in range(7) if ((1 << 3 * level) - 1) // 7 <= number)
    place, width = number - ((1 << 3 * level) - 1) // 7, 1 << (14 + 3 * (6 - level))
    assert place * width <= start < end <= (place + 1) * width
    assert level == 6 or start // (width >> 3) != (end - 1) // (width >> 3)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 3 * BLOCK), max_size=6), st.integers(0, 255))
def test_blocks_are_cut_from_the_stream_however_it_arrives(sizes: list[int], byte: int) -> None:
    parts = [np.arange(size, dtype=np.int64).astype(np.uint8) ^ np.uint8(byte) for size in sizes]
    cutter = BlockCutter()
    packed = b"".join(pack_block(block) for part in parts for block in cutter.cut(part))
    packed += b"".join(pack_block(block) for block in cutter.finish()) + BGZF_END
    assert unpack_gzip(packed) == b"".join(part.tobytes() for part in parts)
    assert set(bgzf_sizes(packed)[:-2]) <= {BLOCK}


def test_what_does_not_shrink_still_fits_a_block() -> None:
    content = np.random.default_rng(1).integers(0, 256, BLOCK, dtype=np.uint8)
    packed = pack_block(content.data)
    assert unpack_gzip(packed) == content.tobytes()
    assert len(packed) <= 1 << 16
