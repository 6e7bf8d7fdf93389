"""Records and alleles from text: fields, kinds, trimming, extents, reasons to skip."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotations.genomics.errors import AnnotationError
from annotations.genomics.reference.load import Reference, load_reference
from annotations.genomics.tests.made import build_sequence
from annotations.genomics.vcf.limits import Limits
from annotations.genomics.vcf.parse import Chunk, Parser
from annotations.genomics.vcf.records import Alleles, Kind, Records
from annotations.genomics.vcf.skips import Skip

SEQUENCE = "ACGTTGCAAC" * 100  # pos 1 is A, pos 4 and 5 are T


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    return load_reference(build_sequence(tmp_path_factory.mktemp("reference"), "ten", {"1": SEQUENCE}))


def parse(
    reference: Reference, *lines: str, columns: int = 8, is_svlen_first: bool = False, limits: Limits | None = None
) -> tuple[Records, Alleles]:
    parser = Parser(reference, limits or Limits(), columns, is_svlen_first, {})
    return parser.parse(Chunk(0, 10, "".join(f"{line}\n" for line in lines).encode()))


def record(pos: int, ref: str, alt: str, info: str = ".") -> str:
    return f"1\t{pos}\t.\t{ref}\t{alt}\t.\t.\t{info}"


def letters(records: Records, starts: np.ndarray, ends: np.ndarray) -> list[str]:
    return [records.text[a:b].tobytes().decode() for a, b in zip(starts, ends, strict=True)]


@pytest.mark.parametrize(
    ("ref", "alt", "start", "end", "left_ref", "left_alt"),
    [
        ("T", "G", 3, 4, "T", "G"),
        ("TT", "T", 4, 5, "T", ""),  # the prefix goes first: the second T is deleted
        ("TTG", "TG", 4, 5, "T", ""),
        ("T", "TAC", 4, 4, "", "AC"),
        ("TTG", "GAC", 3, 6, "TTG", "GAC"),  # of one length: untouched
        ("TTG", "TAG", 3, 6, "TTG", "TAG"),  # even where it is not minimal
        ("TTGC", "TC", 4, 6, "TG", ""),
        ("TTGC", "AC", 3, 6, "TTG", "A"),
        ("TTG", "TCCG", 4, 5, "T", "CC"),
        ("ttg", "tg", 4, 5, "t", ""),
    ],
)
def test_an_allele_of_another_length_loses_shared_prefix_then_suffix(
    reference: Reference, ref: str, alt: str, start: int, end: int, left_ref: str, left_alt: str
) -> None:
    records, alleles = parse(reference, record(4, ref, alt))
    assert (alleles.start[0], alleles.end[0]) == (start, end)
    assert letters(records, alleles.ref_from, alleles.ref_to) == [left_ref]
    assert letters(records, alleles.alt_from, alleles.alt_to) == [left_alt]


def test_each_alt_is_trimmed_by_itself(reference: Reference) -> None:
    records, alleles = parse(reference, record(4, "TTG", "TG,TTGA,CTG"))
    assert alleles.alt_index.tolist() == [1, 2, 3]
    assert letters(records, alleles.ref_from, alleles.ref_to) == ["T", "", "TTG"]
    assert letters(records, alleles.alt_from, alleles.alt_to) == ["", "A", "CTG"]


@settings(deadline=None, max_examples=200)
@given(
    st.integers(1, 900), st.integers(1, 12),
    st.text("ACGT", min_size=1, max_size=12),
)  # fmt: skip
def test_trimming_never_changes_the_haplotype(reference: Reference, pos: int, size: int, alt: str) -> None:
    ref = SEQUENCE[pos - 1 : pos - 1 + size]
    records, alleles = parse(reference, record(pos, ref, alt))
    if ref == alt:
        assert records.skip[0] == Skip.UNSUPPORTED_SYMBOLIC
        return
    whole = SEQUENCE[: pos - 1] + alt + SEQUENCE[pos - 1 + size :]
    start, end = int(alleles.start[0]), int(alleles.end[0])
    trimmed = SEQUENCE[:start] + letters(records, alleles.alt_from, alleles.alt_to)[0] + SEQUENCE[end:]
    assert trimmed == whole
    assert SEQUENCE[start:end] == letters(records, alleles.ref_from, alleles.ref_to)[0]


@pytest.mark.parametrize(
    ("alt", "kind"),
    [
        ("G", Kind.SEQUENCE), ("<DEL>", Kind.DEL), ("<DEL:ME:ALU>", Kind.DEL), ("<DUP:TANDEM>", Kind.DUP),
        ("<INV>", Kind.INV), ("<INS>", Kind.INS), ("<CNV:TR>", Kind.CNV), ("G]1:50]", Kind.BND),
        ("[<ctg1>:5[G", Kind.BND), ("G.", Kind.BND), (".G", Kind.BND), ("*", Kind.STAR),
        ("<NON_REF>", Kind.NON_REF), ("<*>", Kind.NON_REF), ("<DELETED>", Kind.OTHER), ("T", Kind.OTHER),
        (".", Kind.OTHER),
    ],
)  # fmt: skip
def test_what_an_alt_is(reference: Reference, alt: str, kind: Kind) -> None:
    _, alleles = parse(reference, record(4, "T", f"{alt},A", "END=40"))
    assert alleles.kind.tolist() == [kind, Kind.SEQUENCE]


@pytest.mark.parametrize(
    ("alt", "info", "is_svlen_first", "end"),
    [
        ("<DEL>", "END=40", False, 40),
        ("<DEL>", "SVLEN=-36", False, 40),
        ("<DEL>", "SVLEN=36", False, 40),
        ("<DEL>", "SVLEN=-10;END=40", False, 40),  # before VCF 4.4 END decides
        ("<DEL>", "SVLEN=10;END=40", True, 14),  # from 4.4 on SVLEN does
        ("<DEL>", "CIEND=-5,5;END=40", False, 40),
        ("<DEL>", "END=5000", False, 1000),  # no further than the contig
        ("<INS>", "END=40;SVLEN=7", False, 4),  # an insertion has no extent
    ],
)
def test_how_far_a_symbolic_allele_reaches(
    reference: Reference, alt: str, info: str, is_svlen_first: bool, end: int
) -> None:
    _, alleles = parse(reference, record(4, "T", alt, info), is_svlen_first=is_svlen_first)
    assert (alleles.start[0], alleles.end[0]) == (4, end)


def test_svlen_is_taken_by_allele(reference: Reference) -> None:
    _, alleles = parse(reference, record(4, "T", "<DEL>,<DUP>", "SVLEN=-6,20"))
    assert alleles.end.tolist() == [10, 24]


@pytest.mark.parametrize(
    ("line", "skip"),
    [
        (record(4, "T", "."), Skip.NO_ALTERNATE),
        (record(4, "T", "<NON_REF>", "END=90"), Skip.REFERENCE_BLOCK),
        (record(4, "T", "*"), Skip.STAR_ONLY),
        (record(4, "A", "G"), Skip.REF_MISMATCH),
        (record(4, "<", "G"), Skip.REF_INVALID),
        (record(4, "T", "G,=1+1"), Skip.ALT_INVALID),
        (record(4, "T", "G,"), Skip.ALT_INVALID),
        (record(1000, "CA", "C"), Skip.OUTSIDE_CONTIG),
        (record(0, "N", "G"), Skip.TELOMERE),
        (record(1001, "N", "G"), Skip.TELOMERE),
        (record(4, "T", "<DEL>"), Skip.NO_EXTENT),
        (record(4, "T", "<FOO>"), Skip.UNSUPPORTED_SYMBOLIC),
        (record(4, "T", "G").replace("1", "X", 1), Skip.UNKNOWN_CONTIG),
        (record(4, "T", "A" * 20_001), Skip.ALLELE_TOO_LONG),
        (record(4, "N", "G"), Skip.NONE),  # N may be any base
        (record(4, "Y", "G"), Skip.NONE),  # Y is C or T
        (record(4, "R", "G"), Skip.REF_MISMATCH),  # R is A or G
        (record(4, "t", "g"), Skip.NONE),
        (record(4, "T", "<NON_REF>,G"), Skip.NONE),
    ],
)
def test_why_a_record_is_skipped(reference: Reference, line: str, skip: Skip) -> None:
    records, alleles = parse(reference, line)
    assert Skip(records.skip[0]) is skip
    assert (len(alleles) == 0) == (skip is not Skip.NONE)


def test_fields_end_before_cr_and_samples_are_not_part_of_them(reference: Reference) -> None:
    crlf, _ = parse(reference, record(4, "T", "G", "A=1") + "\r", record(14, "T", "G") + "\r")
    assert [crlf.field(0, 7), crlf.field(1, 7)] == ["A=1", "."]
    assert crlf.text[crlf.fields[1, 0] : crlf.line_end[1]].tobytes().decode() == record(14, "T", "G")
    sampled, _ = parse(reference, record(4, "T", "G", "A=1") + "\tGT\t0/1", columns=10)
    assert sampled.field(0, 7) == "A=1"
    assert sampled.text[sampled.fields[0, 8] - 1 : sampled.line_end[0]].tobytes() == b"\tGT\t0/1"


def test_empty_lines_are_passed_over_and_lines_keep_their_numbers(reference: Reference) -> None:
    records, _ = parse(reference, record(4, "T", "G"), "", record(14, "T", "G"))
    assert records.number.tolist() == [10, 12]


@pytest.mark.parametrize(
    ("lines", "code", "line"),
    [
        ([record(4, "T", "G"), "1\t5\t.\tT"], "column_count", 11),
        ([record(4, "T", "G").replace("\t", " ")], "column_count", 10),
        ([record(4, "T", "G") + "\textra"], "column_count", 10),
        ([record(4, "T", "G"), "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"], "header_line_in_body", 11),
        ([record(4, "T", "G").replace("\t4\t", "\t4x\t")], "pos_invalid", 10),
        ([record(2**31, "T", "G")], "pos_invalid", 10),
        ([record(4, "T", "G").replace("\t4\t", "\t-4\t")], "pos_invalid", 10),
        ([record(4, "T", "G"), record(4, "T", "G\x00")], "control_character", 11),
        ([record(4, "T", "G\x1b[31m")], "control_character", 10),
        (["../etc/passwd" + record(4, "T", "G")[1:]], "contig_name_invalid", 10),
        (["-o" + record(4, "T", "G")[1:]], "contig_name_invalid", 10),
        (["http://127.0.0.1/" + record(4, "T", "G")[1:]], "contig_name_invalid", 10),
        ([record(4, "T", ",".join(["A"] * 1001))], "too_many_alleles", 10),
    ],
)
def test_what_is_no_record_is_refused_by_line(reference: Reference, lines: list[str], code: str, line: int) -> None:
    with pytest.raises(AnnotationError) as caught:
        parse(reference, *lines)
    assert (caught.value.code, caught.value.line) == (code, line)
    assert f"ine {line}" in caught.value.message


def test_bytes_that_are_no_utf8_are_refused_by_line(reference: Reference) -> None:
    data = (record(4, "T", "G") + "\n").encode() + record(5, "T", "G", "A=\xff").encode("latin-1") + b"\n"
    with pytest.raises(AnnotationError) as caught:
        Parser(reference, Limits(), 8, False, {}).parse(Chunk(0, 1, data))
    assert (caught.value.code, caught.value.line) == ("not_utf8", 2)


def test_a_line_beyond_the_limit_is_refused(reference: Reference) -> None:
    with pytest.raises(AnnotationError) as caught:
        parse(reference, record(4, "T", "G", "A=" + "x" * 200), limits=Limits(line_bytes=100))
    assert (caught.value.code, caught.value.line) == ("line_too_long", 10)


def test_an_alias_counts_only_where_the_declared_length_agrees(reference: Reference) -> None:
    chunk = Chunk(0, 1, (record(4, "T", "G") + "\n").encode())
    agreeing, _ = Parser(reference, Limits(), 8, False, {"1": 1000}).parse(chunk)
    other, _ = Parser(reference, Limits(), 8, False, {"1": 1001}).parse(chunk)
    assert (agreeing.contig[0], other.contig[0]) == (0, -1)
