"""Sources that a user brings as a file alone."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from annotations.genomics.errors import AnnotationError
from annotations.genomics.reference.load import load_reference
from annotations.genomics.sources import own
from annotations.genomics.tests.made import vcf_text
from annotations.genomics.tests.made_sources import build, infos, query, run
from annotations.genomics.tests.test_source_declarations import line

HEADER = [
    '##INFO=<ID=AF,Number=A,Type=Float,Description="How often ""we"" saw it">',
    '##INFO=<ID=our.class,Number=1,Type=String,Description="Our class">',
    '##INFO=<ID=SEEN,Number=0,Type=Flag,Description="A flag">',
]


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("own"), [line(110, "AF=50;NAME=x;AC=3")])


def test_a_vcf_and_a_bed_of_ones_own_are_quoted_behind_the_references_sources(reference: Path, tmp_path: Path) -> None:
    vcf, bed = tmp_path / "lab.vcf.gz", tmp_path / "lab.bed"
    vcf.write_bytes(gzip.compress(vcf_text([line(110, "AF=0.5;our.class=5", name="v1")], header=HEADER).encode()))
    bed.write_text("track name=x\nchr1\t105\t112\ttarget A\n")
    files = run(reference, [line(110), line(115)], tmp_path / "out", own_sources=(("LAB", vcf), ("CAPTURE", bed)))
    first, second = infos(files)
    assert (first["LAB_AF"], first["LAB_OUR_CLASS"], first["LAB_ID"], first["CAPTURE"]) == (
        "0.5",
        "5",
        "v1",
        "target%20A",
    )
    assert first["MADE_AF"] == "0.5"
    assert "LAB_AF" not in second
    assert "CAPTURE" not in second
    assert query(f"SELECT DISTINCT lab_af, capture FROM '{files['parquet']}' WHERE pos = 110").fetchall() == [
        (0.5, "target%20A")
    ]
    told = json.loads(files["summary"].read_text())["sources"]
    assert [(source["key"], source["alleles"]) for source in told] == [("made", 1), ("LAB", 1), ("CAPTURE", 1)]
    assert told[1]["version"].startswith("sha256 ")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "input.vcf", "out.json", "out.parquet", "out.tsv", "out.vcf.gz", "out.vcf.gz.tbi",
    ]  # fmt: skip


def test_a_check_says_what_a_file_holds(reference: Path, tmp_path: Path) -> None:
    path = tmp_path / "lab.vcf"
    path.write_text(vcf_text([line(110, "AF=0.5"), line(7, contig="9")], header=HEADER))
    (tmp_path / "place").mkdir()
    found = own.check("LAB", path, load_reference(reference), tmp_path / "place")
    assert (found["kind"], found["keys"]) == ("exact", ["LAB_ID", "LAB_AF", "LAB_OUR_CLASS"])
    assert (found["counts"]["alleles"], found["counts"]["unknown_contig"]) == (1, 1)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "source_holds_nothing"), (b"chr1\t1\t5\n", "source_not_bed"), (b"chr1\tx\t5\tn\n", "source_not_bed"),
        (b"chr1\t9\t5\tn\n", "source_place"), (b"chr7\t1\t5\tn\n", "source_holds_nothing"),
        (b"\x00\x01", "source_not_text"), (b"\x1f\x8b\x08\x00broken", "source_damaged"),
        (b"a" * 2_000_000, "source_line"),
        (gzip.compress(bytes(600_000) + b"\n"), "source_not_text"),
        (vcf_text([line(7, contig="9")]).encode(), "source_holds_nothing"),
        (gzip.compress(b"chr1\t1\t5\tn\n" * 500)[:-20] + b"broken", "source_damaged"),
    ],
    ids=range(11),
)  # fmt: skip
def test_a_file_that_is_of_no_use_is_refused_in_one_sentence(
    content: bytes, code: str, reference: Path, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    (tmp_path / "place").mkdir()
    with pytest.raises(AnnotationError) as caught:
        own.check("LAB", path, load_reference(reference), tmp_path / "place")
    assert caught.value.code == code
    assert "\n" not in caught.value.message


def test_a_bomb_is_not_unpacked_to_its_end(reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own, "MAX_BYTES", 3_000_000)
    (tmp_path / "bomb").write_bytes(gzip.compress(b"chr1\t1\t5\tn\n" * 400_000))
    with pytest.raises(AnnotationError) as caught:
        own.declare("LAB", tmp_path / "bomb")
    assert caught.value.code == "source_too_large"


@pytest.mark.parametrize(
    ("key", "code"), [("lab", "source_key"), ("../X", "source_key"), ("CONTIG", "source_key_twice")]
)
def test_a_name_that_cannot_be_or_is_taken_is_refused(key: str, code: str, reference: Path, tmp_path: Path) -> None:
    (tmp_path / "lab.bed").write_text("1\t1\t5\tn\n")
    (tmp_path / "place").mkdir()
    with pytest.raises(AnnotationError) as caught:
        own.check(key, tmp_path / "lab.bed", load_reference(reference), tmp_path / "place")
    assert caught.value.code == code
