"""Files in their containers, headers, and chunks of whole lines."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from annotations.genomics.errors import AnnotationError
from annotations.genomics.tests.made import COLUMNS, pack_bgzf, vcf_text
from annotations.genomics.vcf.containers import BGZF_END, Container
from annotations.genomics.vcf.header import parse_header
from annotations.genomics.vcf.limits import Limits
from annotations.genomics.vcf.reader import VcfReader

RECORDS = [f"1\t{pos}\t.\tA\tC\t.\t.\tN={pos}" for pos in range(1, 3001)]


def read_all(path: Path, chunk_records: int = 700, limits: Limits | None = None) -> bytes:
    with VcfReader(path, limits or Limits()) as reader:
        chunks = list(reader.chunks(chunk_records))
    assert [chunk.index for chunk in chunks] == list(range(len(chunks)))
    assert all(chunk.data.endswith(b"\n") for chunk in chunks)
    return b"".join(chunk.data for chunk in chunks)


def refusal(path: Path, limits: Limits | None = None) -> str:
    with pytest.raises(AnnotationError) as caught:
        read_all(path, limits=limits)
    return caught.value.code


@pytest.mark.parametrize(
    ("pack", "container"),
    [
        (lambda data: data, Container.PLAIN),
        (gzip.compress, Container.GZIP),
        (lambda data: gzip.compress(data[:5000]) + gzip.compress(data[5000:]), Container.GZIP),
        (lambda data: gzip.compress(data) + b"\0" * 512, Container.GZIP),
        (pack_bgzf, Container.BGZF),
        (lambda data: pack_bgzf(data, 1000), Container.BGZF),
        (lambda data: pack_bgzf(data[:900]) + pack_bgzf(data[900:]), Container.BGZF),
    ],
)
def test_the_container_is_told_by_content_not_by_name(tmp_path: Path, pack, container: Container) -> None:
    path = tmp_path / "input.bam"
    text = vcf_text(RECORDS)
    path.write_bytes(pack(text.encode()))
    with VcfReader(path, Limits()) as reader:
        assert reader.packed.container is container
    assert read_all(path).decode() == "\n".join(RECORDS) + "\n"


@pytest.mark.parametrize("chunk_records", [1, 7, 2999, 3000, 10_000])
def test_chunks_hold_whole_lines_and_know_their_numbers(tmp_path: Path, chunk_records: int) -> None:
    path = tmp_path / "input.vcf"
    path.write_text(vcf_text(RECORDS))
    with VcfReader(path, Limits()) as reader:
        chunks = list(reader.chunks(chunk_records))
    firsts = [int(chunk.data.split(b"\t")[1]) + 2 for chunk in chunks]
    assert [chunk.first_line for chunk in chunks] == firsts
    assert max(chunk.data.count(b"\n") for chunk in chunks) <= chunk_records


def test_a_missing_last_line_end_is_added(tmp_path: Path) -> None:
    path = tmp_path / "input.vcf"
    path.write_text(vcf_text(RECORDS).removesuffix("\n"))
    assert read_all(path).decode().splitlines() == RECORDS


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"BAM\x01rest", "not_vcf"),
        (pack_bgzf(b"BAM\x01rest"), "not_vcf"),
        (b"CRAM....", "not_vcf"),
        (b"PK\x03\x04....", "not_vcf"),
        (b"<!DOCTYPE html>", "not_vcf"),
        (b">1\nACGT\n", "not_vcf"),
        ("##fileformat=VCFv4.2".encode("utf-16"), "not_vcf"),
        (b"1\t2\t.\tA\tC\n", "no_fileformat"),
        (b"##fileformat=VCFv3.3\n" + COLUMNS.encode() + b"\n", "version"),
        (b"##fileformat=VCFv4.9\n" + COLUMNS.encode() + b"\n", "version"),
        (b"##fileformat=VCFv4.2\n1\t2\t.\tA\tC\t.\t.\t.\n", "no_column_line"),
        (b"##fileformat=VCFv4.2\n" + COLUMNS.replace("\t", " ").encode() + b"\n", "no_column_line"),
        (b"##fileformat=VCFv4.2\n" + COLUMNS.encode() + b"\tGT\ts1\n", "no_column_line"),
        (b"##fileformat=VCFv4.2\n" + COLUMNS.encode() + b"\tFORMAT\ts1\ts1\n", "duplicate_sample"),
        (b"##fileformat=VCFv4.2\n##x=\xff\n" + COLUMNS.encode() + b"\n", "not_utf8"),
        (b"##fileformat=VCFv4.2\n##x=\x00\n" + COLUMNS.encode() + b"\n", "control_character"),
    ],
)
def test_what_is_no_vcf_is_refused(tmp_path: Path, data: bytes, code: str) -> None:
    path = tmp_path / "input.vcf"
    path.write_bytes(data)
    assert refusal(path) == code


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda data: data[: -len(BGZF_END)], "truncated"),
        (lambda data: data[: len(data) // 2], "truncated"),
        (lambda data: data[:2000] + bytes([data[2000] ^ 255]) + data[2001:], "damaged"),
        (lambda data: data + b"garbage, and enough of it", "damaged"),
        (lambda data: data[:16] + b"\x00\x00" + data[18:], "damaged"),  # a block that says it is of one byte
        (lambda data: data[:16] + b"\x18\x00" + data[18:], "damaged"),  # or as long as what every block begins with
    ],
)
def test_damage_to_bgzf_is_seen(tmp_path: Path, damage, code: str) -> None:
    path = tmp_path / "input.vcf.gz"
    path.write_bytes(damage(pack_bgzf(vcf_text(RECORDS).encode())))
    assert refusal(path) == code


@pytest.mark.parametrize(
    ("damage", "code"), [(lambda data: data[:-20], "truncated"), (lambda data: data + b"garbage", "damaged")]
)
def test_damage_to_gzip_is_seen(tmp_path: Path, damage, code: str) -> None:
    path = tmp_path / "input.vcf.gz"
    path.write_bytes(damage(gzip.compress(vcf_text(RECORDS).encode())))
    assert refusal(path) == code


def test_a_last_line_that_stops_short_means_truncated(tmp_path: Path) -> None:
    path = tmp_path / "input.vcf"
    path.write_text(vcf_text([*RECORDS, "1\t3001\t.\tA"]).removesuffix("\n"))
    assert refusal(path) == "truncated"


def test_limits_on_unpacked_size_ratio_header_and_samples(tmp_path: Path) -> None:
    path = tmp_path / "input.vcf.gz"
    path.write_bytes(pack_bgzf(vcf_text(RECORDS).encode()))
    assert refusal(path, Limits(unpacked_bytes=10_000)) == "too_large"
    assert refusal(path, Limits(ratio=2, ratio_from=10_000)) == "ratio"
    assert refusal(path, Limits(header_bytes=20)) == "header_too_long"
    assert refusal(path, Limits(header_lines=1)) == "header_too_long"
    sampled = tmp_path / "samples.vcf"
    sampled.write_text(vcf_text([], columns=COLUMNS + "\tFORMAT\ta\tb\tc"))
    assert refusal(sampled, Limits(samples=2)) == "too_many_samples"


def test_the_header_tells_contigs_samples_and_a_hint_of_the_assembly() -> None:
    lines = [
        "##contig=<ID=1,length=249250621,assembly=b37>",
        "##contig=<ID=X>",
        "##reference=file:///human_g1k_v37.fasta",
    ]
    text = vcf_text([], header=lines, columns=COLUMNS + "\tFORMAT\ts1\ts2", version="4.4")
    header = parse_header(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode(), Limits())
    assert header.contig_names == ("1", "X")
    assert header.contig_lengths == {"1": 249250621}
    assert header.samples == ("s1", "s2")
    assert header.assembly_hint == "GRCh37"
    assert header.is_svlen_first
    assert header.lines[-1].endswith("s2")


def test_a_header_that_names_two_assemblies_gives_no_hint() -> None:
    lines = ["##reference=hg38.fa", "##source=liftover from hg19"]
    assert parse_header(vcf_text([], header=lines).encode(), Limits()).assembly_hint == ""
