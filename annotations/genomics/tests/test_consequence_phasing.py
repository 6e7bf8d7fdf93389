"""Two variants in one codon of one haplotype are counted and named, and genotypes decide it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotations.genomics.command import describe_receipt
from annotations.genomics.consequence.phasing import count_together, read_carriers, strength_of_calls
from annotations.genomics.pipeline import annotate
from annotations.genomics.reference.load import load_reference
from annotations.genomics.request import Receipt, Request
from annotations.genomics.tests.made import COLUMNS, build_mitochondrion, vcf_text

CODON = 3310  # the first base of the second codon of MT-ND1, which lies on the forward strand


@pytest.fixture(scope="module")
def mito(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_mitochondrion(tmp_path_factory.mktemp("references"))


def run(mito: Path, folder: Path, records: list[tuple[int, str, str]], **options: Any) -> tuple[Receipt, list[Any]]:
    """records: POS, FORMAT, samples. The receipt, and the pairs that the summary names."""
    codes = load_reference(mito).sequence(0)
    lines = []
    for pos, keys, samples in records:
        ref = "ACGT"[codes[pos - 1]]
        alt = "A" if ref != "A" else "G"
        lines.append(f"MT\t{pos}\t.\t{ref}\t{alt}\t.\t.\t.\t{keys}\t{samples}")
    given = folder / "input.vcf"
    names = "".join(f"\ts{number}" for number in range(records[0][2].count("\t") + 1))
    given.write_text(vcf_text(lines, columns=f"{COLUMNS}\tFORMAT{names}"))
    summary = folder / "summary.json"
    receipt = annotate(Request(given, mito, folder / "out.vcf.gz", summary=summary, **options))
    return receipt, json.loads(summary.read_text()).get("phased_codons", [])


def test_alleles_of_one_haplotype_in_one_codon_are_counted_and_named(mito: Path, tmp_path: Path) -> None:
    records = [(CODON, "GT", "0|1\t1|0"), (CODON + 2, "GT", "0|1\t0|1"), (CODON + 3, "GT", "0|1\t1|0")]
    for options in ({}, {"chunk_records": 1}, {"chunk_records": 2, "threads": 2}):
        receipt, named = run(mito, tmp_path, records, **options)
        assert receipt.phased_codons == 1, "the third lies in the next codon"
        assert named == [
            {
                "contig": "MT",
                "lines": [3, 4],
                "alleles": ["3310 C>A", "3312 C>A"],
                "gene_symbol": "MT-ND1",
                "transcript_id": "ENST00000361390.2",
                "codon": 2,
                "samples": 1,
            }
        ]
        assert "1 pairs of alleles lie in one codon" in describe_receipt(receipt)


def test_nothing_is_said_of_alleles_that_no_haplotype_is_known_to_carry(mito: Path, tmp_path: Path) -> None:
    for first, second in (("0|1", "1|0"), ("0/1", "0/1"), ("0/1", "0|1"), ("0|1", "0|0"), (".|.", "0|1")):
        receipt, named = run(mito, tmp_path, [(CODON, "GT", first), (CODON + 1, "GT", second)])
        assert (receipt.phased_codons, named) == (0, []), (first, second)
        assert "codon" not in describe_receipt(receipt)


@pytest.mark.parametrize(
    ("first", "second", "samples"),
    [
        (b"GT\t0|1", b"GT\t0|1", 1),
        (b"GT:PS\t0|1:7", b"GT:PS\t0|1:7", 1),
        (b"GT:PS\t0|1:7", b"GT:PS\t0|1:8", 0),  # of another phase set: which haplotype is not known
        (b"GT\t1/1", b"GT\t0/1", 1),  # on both haplotypes, so on the other's too
        (b"GT\t1", b"GT\t1", 1),  # there is one haplotype only
        (b"GT\t0|1\t1|0\t1|1", b"GT\t0|1\t1|0\t0|1", 3),
        (b"DP\t12", b"GT\t0|1", 0),
        (b"", b"GT\t0|1", 0),
    ],
)
def test_what_genotypes_say_of_two_alleles(first: bytes, second: bytes, samples: int) -> None:
    assert count_together(read_carriers(first, 1), read_carriers(second, 1)) == samples


CALLS = st.tuples(st.lists(st.sampled_from([".", "0", "1", "2", "12"]), min_size=1, max_size=3), st.sampled_from("|/"))
SAMPLES = st.lists(st.tuples(CALLS, st.sampled_from(["", ":.", ":7", ":10583"])), min_size=1, max_size=4)


def on_one_haplotype(first: str, second: str, wanted: tuple[str, str]) -> bool:
    """By the words of the specification, for one sample's GT:PS."""
    (calls, slashed, named), (others, other_slashed, other_named) = (
        (gt.replace("/", "|").split("|"), "/" in gt, rest)
        for gt, _, rest in (one.partition(":") for one in (first, second))
    )
    on_all = [all(call == one for call in found) for found, one in zip((calls, others), wanted, strict=True)]
    if on_all[0] or on_all[1]:
        return wanted[0] in calls and wanted[1] in others
    pairs = zip(calls, others, strict=False)
    return not (slashed or other_slashed) and named == other_named and wanted in pairs


@given(first=SAMPLES, second=SAMPLES, alts=st.tuples(st.sampled_from([1, 2, 12]), st.sampled_from([1, 2, 12])))
def test_genotypes_of_any_kind_are_read_as_the_specification_says(
    first: Any, second: Any, alts: tuple[int, int]
) -> None:
    count = min(len(first), len(second))
    texts = [[sign.join(calls) + named for (calls, sign), named in found[:count]] for found in (first, second)]
    carriers = [
        read_carriers("\t".join(("GT:PS", *found)).encode(), alt) for found, alt in zip(texts, alts, strict=True)
    ]
    wanted = (str(alts[0]), str(alts[1]))
    expected = sum(on_one_haplotype(one, other, wanted) for one, other in zip(*texts, strict=True))
    assert count_together(*carriers) == expected
    strengths = [strength("\t".join(("GT:PS", *found)).encode()) for found in texts]
    assert not expected or (min(strengths) >= 1 and max(strengths) == 2), "what may be together is never dropped"


def strength(tail: bytes) -> int:
    return strength_of_calls(np.frombuffer(tail, np.uint8), 0, len(tail))


@pytest.mark.parametrize(
    ("tail", "expected"),
    [
        (b"GT\t0/0\t.|.", 0),
        (b"GT:PS\t0/1:7\t0|0:1", 1),  # digits of another field are no call
        (b"GT\t0/1\t./2", 1),
        (b"GT\t0|10", 2),
        (b"GT\t0/1\t1/2", 2),
        (b"GT\t1", 2),
        (b"DP:GT\t1:0/1", 2),
        (b"", 2),
    ],
)
def test_unphased_calls_are_told_from_those_whose_haplotype_is_known(tail: bytes, expected: int) -> None:
    assert strength(tail) == expected


def test_two_alleles_are_compared_across_an_unphased_one_between_them(mito: Path, tmp_path: Path) -> None:
    records = [(CODON, "GT", "1|0"), (CODON + 1, "GT", "0/1"), (CODON + 2, "GT", "1|0")]
    for options in ({}, {"chunk_records": 1}, {"chunk_records": 2}):
        receipt, named = run(mito, tmp_path, records, **options)
        assert receipt.phased_codons == 1, "the one between them is not phased"
        assert named[0]["lines"] == [3, 5]
