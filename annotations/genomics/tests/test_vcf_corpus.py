"""The specification's own conformance files: no crash on any, and what docs/vcf-conformance.md says."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from annotations.genomics.errors import AnnotationError
from annotations.genomics.pipeline import annotate
from annotations.genomics.request import Request
from annotations.genomics.tests.made import BENCH, build_sequence, unpack_gzip
from annotations.genomics.vcf.preflight import Verdict, preflight

CORPUS = BENCH / "hts-specs-vcf"
FILES = sorted(CORPUS.rglob("*.vcf")) if CORPUS.is_dir() else []

pytestmark = [
    pytest.mark.bench_data,
    pytest.mark.skipif(not FILES, reason=f"no conformance files in {CORPUS}"),
]

STATED = {"unknown_contigs", "wrong_assembly"}
"""Why a valid file may be refused: it is not on this reference."""


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Contigs of unknown bases, which agree with every REF."""
    names = [*(str(number) for number in range(1, 23)), "X", "Y", "MT"]
    lengths = {name: 3_000_000 if name in ("1", "19", "20") else 200_000 for name in names}
    return build_sequence(
        tmp_path_factory.mktemp("reference"), "unknown", {name: "N" * length for name, length in lengths.items()}
    )


def check_refusal(error: AnnotationError, folder: Path) -> None:
    assert error.message.strip().endswith(".")
    assert "\n" not in error.message
    assert not list(folder.iterdir())


def outcome(path: Path, reference: Path, folder: Path) -> str:
    """ "annotated" or the code of the refusal; checks what must hold in both cases."""
    output = folder / "out.vcf.gz"
    try:
        receipt = annotate(Request(path, reference, output, is_overwriting=True))
    except AnnotationError as error:
        check_refusal(error, folder)
        return error.code
    given = [line for line in path.read_bytes().replace(b"\r\n", b"\n").split(b"\n") if line and line[:1] != b"#"]
    answer = [line for line in unpack_gzip(output.read_bytes()).split(b"\n") if line and line[:1] != b"#"]
    assert receipt.records == len(given) == len(answer)
    for before, after in zip(given, answer, strict=True):
        assert after.split(b"\t")[:7] == before.split(b"\t")[:7]
        assert after.split(b"\t")[8:] == before.split(b"\t")[8:]
    for file in folder.iterdir():
        file.unlink()
    return "annotated"


def test_each_file_is_looked_at_and_judged_in_one_sentence_before_a_job(reference: Path) -> None:
    for path in FILES:
        found = preflight(path, reference.parent)
        assert (found.verdict is Verdict.OK) == (found.sentence == ""), path
        if found.verdict is Verdict.REFUSE:
            assert found.sentence.strip().endswith("."), path
            assert "\n" not in found.sentence, path


def test_valid_files_are_annotated_or_not_on_this_reference(reference: Path, tmp_path: Path) -> None:
    codes = Counter(outcome(path, reference, tmp_path) for path in FILES if "passed" in path.parts)
    assert set(codes) <= {"annotated"} | STATED
    assert codes["annotated"] >= 0.85 * codes.total()


def test_invalid_files_are_refused_for_a_documented_reason_or_tolerated(reference: Path, tmp_path: Path) -> None:
    documented = (Path(__file__).parents[3] / "docs" / "vcf-conformance.md").read_text()
    codes = Counter(outcome(path, reference, tmp_path) for path in FILES if "failed" in path.parts)
    for code in codes.keys() - {"annotated"}:
        assert f"`{code}`" in documented, code
    for code in ("contig_name_invalid", "duplicate_sample", "no_column_line", "no_fileformat", "pos_invalid"):
        assert codes[code] >= 3, code
