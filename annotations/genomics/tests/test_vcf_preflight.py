"""What is said of a file before it is queued, from parts of it."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import pytest

from annotations.genomics.tests.made import build_mitochondrion, build_sequence, pack_bgzf, vcf_text
from annotations.genomics.vcf.preflight import Verdict, naming_style, preflight

BASES = "".join(random.Random(7).choices("ACGT", k=200_000))
OTHER = "".join(random.Random(8).choices("ACGT", k=200_000))


@pytest.fixture(scope="module")
def references(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("references")
    build_sequence(folder, "right", {"1": BASES})
    build_sequence(folder, "other", {"1": OTHER})
    build_mitochondrion(folder)
    return folder


def snvs(step: int = 20, bases: str = BASES) -> list[str]:
    return [
        f"1\t{at + 1}\t.\t{bases[at]}\t{'G' if bases[at] != 'G' else 'A'}\t.\t.\tDP={at}"
        for at in range(0, len(bases), step)
    ]


def write(folder: Path, records: list[str], pack=lambda data: data, **options) -> Path:
    path = folder / "input"
    path.write_bytes(pack(vcf_text(records, **options).encode()))
    return path


def test_the_assembly_is_proved_by_ref_against_every_installed_reference(references: Path, tmp_path: Path) -> None:
    found = preflight(write(tmp_path, snvs()), references)
    assert found.verdict is Verdict.OK
    assert found.reference == "right"
    percents = {one.reference: one.percent for one in found.concordances}
    assert percents["right"] == 100.0
    assert 10 < percents["other"] < 40
    assert percents["mito"] == 0
    assert json.dumps(found.as_json())


def test_a_wrong_assembly_is_refused_and_the_right_one_is_named(references: Path, tmp_path: Path) -> None:
    found = preflight(write(tmp_path, snvs()), references, chosen="other")
    assert (found.verdict, found.code) == (Verdict.REFUSE, "wrong_assembly")
    assert "choose the reference right" in found.sentence


def test_a_file_of_which_nothing_would_be_annotated_is_asked_with_the_reasons(references: Path, tmp_path: Path) -> None:
    blocks = [f"1\t{pos}\t.\t{BASES[pos - 1]}\t<NON_REF>\t.\t.\tEND={pos + 9}" for pos in range(100, 900, 10)]
    absent = [f"7\t{pos}\t.\tA\tC\t.\t.\t." for pos in range(1, 21)]
    found = preflight(write(tmp_path, [*blocks, *absent]), references)
    assert (found.verdict, found.code) == (Verdict.ASK, "nothing_to_annotate")
    assert "80%: a gVCF block" in found.sentence
    assert "20%: the reference has no contig" in found.sentence
    assert preflight(write(tmp_path, [*blocks, *absent, *snvs()[:1]]), references).verdict is Verdict.OK


def test_a_handful_of_disagreeing_records_is_asked_not_refused(references: Path, tmp_path: Path) -> None:
    found = preflight(write(tmp_path, snvs()[:12]), references, chosen="other")
    assert (found.verdict, found.code) == (Verdict.ASK, "wrong_assembly")


def test_a_header_that_names_another_assembly_is_asked(references: Path, tmp_path: Path) -> None:
    found = preflight(write(tmp_path, snvs(), header=["##reference=hg19.fa"]), references)
    assert (found.verdict, found.code) == (Verdict.ASK, "header_disagrees")


def test_an_old_annotation_is_asked(references: Path, tmp_path: Path) -> None:
    header = ['##INFO=<ID=CSQ,Number=.,Type=String,Description="x">']
    assert preflight(write(tmp_path, snvs(), header=header), references).code == "annotated_before"


@pytest.mark.parametrize("pack", [lambda data: data, gzip.compress, pack_bgzf], ids=["plain", "gzip", "bgzf"])
def test_large_files_are_judged_and_counted_from_parts(references: Path, tmp_path: Path, pack) -> None:
    """Every base six times, with a long and changing INFO: beyond what is read whole."""
    noise = random.Random(1)
    lines = [
        f"{line};X={noise.getrandbits(100):x}" for line in snvs(1) for _ in range(3 if pack is not gzip.compress else 2)
    ]
    path = write(tmp_path, lines, pack)
    assert path.stat().st_size > 4 << 20
    found = preflight(path, references)
    assert found.verdict is Verdict.OK, found.sentence
    assert not found.is_complete
    assert found.records_read < len(lines) / 3
    assert found.estimated_records == pytest.approx(len(lines), rel=0.1)
    assert found.is_sorted


def test_a_large_file_out_of_order_is_seen_in_its_parts(references: Path, tmp_path: Path) -> None:
    lines = [line + ";X=" + "x" * 120 for line in snvs(2)]
    found = preflight(write(tmp_path, lines[50_000:] + lines[:50_000]), references)
    assert not found.is_sorted


def test_gvcf_structural_alleles_and_what_will_be_skipped(references: Path, tmp_path: Path) -> None:
    lines = snvs()[:100]
    lines += [f"1\t{9000 + n}\t.\t{BASES[8999 + n]}\t<NON_REF>\t.\t.\tEND={9000 + n}" for n in range(100)]
    lines += [f"1\t10000\t.\t{BASES[9999]}\t<DEL>\t.\t.\tEND=10050"]
    found = preflight(write(tmp_path, lines), references)
    assert found.is_gvcf
    assert found.structural
    assert found.skipped == {"reference_block": pytest.approx(100 / 201, abs=1e-3)}
    assert (found.is_complete, found.estimated_records) == (True, 201)


def test_mostly_unknown_contigs_are_asked_and_only_unknown_ones_refused(references: Path, tmp_path: Path) -> None:
    absent = [line.replace("1\t", "Q\t", 1) for line in snvs()]
    assert preflight(write(tmp_path, [*snvs()[:100], *absent]), references).code == "few_on_reference"
    found = preflight(write(tmp_path, absent), references, chosen="right")
    assert (found.verdict, found.code) == (Verdict.REFUSE, "unknown_contigs")


@pytest.mark.parametrize("pack", [pack_bgzf, lambda data: data], ids=["bgzf", "plain"])
def test_a_file_that_was_cut_off_is_refused(references: Path, tmp_path: Path, pack) -> None:
    path = write(tmp_path, snvs(), pack)
    path.write_bytes(path.read_bytes()[:-40])
    found = preflight(path, references)
    assert (found.verdict, found.code) == (Verdict.REFUSE, "truncated")


def test_a_broken_line_in_the_middle_is_refused_without_a_number_it_cannot_know(
    references: Path, tmp_path: Path
) -> None:
    lines = [line + ";X=" + "x" * 120 for line in snvs(2)]
    path = write(tmp_path, lines[:30_000] + ["1\tx\t.\tA\tC\t.\t.\t."] * 60_000 + lines[30_000:])
    found = preflight(path, references)
    assert (found.verdict, found.code) == (Verdict.REFUSE, "pos_invalid")
    assert "in the middle of the file" in found.sentence


def test_naming_styles() -> None:
    assert naming_style(("chr1", "chrM")) == "chr"
    assert naming_style(("1", "MT")) == "plain"
    assert naming_style(("NC_000019.10", "CM000681.2")) == "accession"
    assert naming_style(("1", "chr2")) == "mixed"
    assert naming_style(()) == ""
