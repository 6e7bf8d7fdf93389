"""What a build refuses, keeps and repeats."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest

from annotations.genomics.errors import AnnotationError
from annotations.genomics.reference import layout
from annotations.genomics.reference.aliases import RCRS_LENGTH, contig_aliases, find_known, hgvs_accession
from annotations.genomics.reference.build import BuildInputs, build_reference
from annotations.genomics.reference.fasta import read_fasta
from annotations.genomics.reference.load import load_reference
from annotations.genomics.reference.tables import split_at_slips
from annotations.genomics.resident import mapped_bytes
from annotations.genomics.tests.references import GIVEN, coronavirus, mitochondrion

GENES = (Path(__file__).parent / "data" / "missense_plus" / "genes.gff3").read_text()
SEQUENCE = (Path(__file__).parent / "data" / "missense_plus" / "sequence.fa").read_text()


def build(folder: Path, *, sequence: str = SEQUENCE, genes: str = GENES, name: str = "made") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "sequence.fa").write_text(sequence)
    (folder / "genes.gff3").write_text(genes)
    inputs = BuildInputs(name, "made", [folder / "sequence.fa"], [folder / "genes.gff3"], {})
    return build_reference(inputs, folder / "references")


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_the_same_inputs_give_the_same_bytes(tmp_path: Path) -> None:
    assert digests(build(tmp_path / "one")) == digests(build(tmp_path / "two"))


def test_the_manifest_names_each_input_with_its_digest(tmp_path: Path) -> None:
    reference = load_reference(build(tmp_path))
    named = {item["file"]: item["sha256"] for item in reference.manifest["inputs"]}
    assert named == {
        "sequence.fa": hashlib.sha256(SEQUENCE.encode()).hexdigest(),
        "genes.gff3": hashlib.sha256(GENES.encode()).hexdigest(),
    }


def test_a_build_that_fails_leaves_the_older_one_in_place(tmp_path: Path) -> None:
    built = build(tmp_path)
    before = digests(built)
    with pytest.raises(AnnotationError) as caught:
        build(tmp_path, genes="no genes here\n")
    assert (caught.value.code, caught.value.line) == ("genes_malformed", 1)
    assert digests(built) == before
    assert [path.name for path in built.parent.iterdir()] == ["made"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"sequence": "ACGT\n"}, "reference_not_fasta"),
        ({"sequence": ""}, "reference_not_fasta"),
        ({"sequence": SEQUENCE + SEQUENCE}, "reference_contig_twice"),
        ({"sequence": ">contig1\nACGT\n"}, "genes_outside_contig"),
        ({"sequence": SEQUENCE.replace("contig1", "other")}, "genes_elsewhere"),
        ({"genes": GENES.replace("CDS\t31\t60", "CDS\t15\t60")}, "genes_cds_outside_exons"),
    ],
)
def test_inputs_that_do_not_fit_are_refused_with_a_code(change: dict[str, str], code: str, tmp_path: Path) -> None:
    with pytest.raises(AnnotationError) as caught:
        build(tmp_path, **change)
    assert caught.value.code == code
    assert not (tmp_path / "references" / "made").exists()


def test_a_reference_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="build it first") as caught:
        load_reference(tmp_path / "nothing")
    assert caught.value.code == "reference_missing"


def test_sequence_is_read_whatever_its_line_ends_case_and_packing(tmp_path: Path) -> None:
    plain = tmp_path / "plain.fa"
    plain.write_bytes(b">one first\r\nACgt\r\nNN\r\n\r\n>two\nRYac")
    packed = tmp_path / "packed"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert list(read_fasta(plain)) == [("one", b"ACGTNN"), ("two", b"RYAC")] == list(read_fasta(packed))


def test_base_codes_of_a_reference_are_letters_or_nothing_known(tmp_path: Path) -> None:
    built = load_reference(build(tmp_path, sequence=SEQUENCE + ">two\nACGTNRYacgtu\n"))
    assert built.sequence(1).tolist() == [0, 1, 2, 3, 4, 4, 4, 0, 1, 2, 3, 3]


def test_an_alias_holds_only_where_the_length_agrees() -> None:
    assert "MT" in contig_aliases("chrM", RCRS_LENGTH, ())
    assert contig_aliases("chrM", 16571, ()) == ("chrM",)
    assert hgvs_accession("chrM", 16571, ()) == "chrM"
    assert contig_aliases("19", 58617616, ()) == ("19", "chr19", "NC_000019.10", "CM000681.2")
    assert hgvs_accession("chr19", 59128983, ()) == "NC_000019.9"
    assert find_known("chr19", 100) is None


def test_a_contig_is_found_by_every_name_and_never_under_another_length() -> None:
    contigs = mitochondrion().contigs
    assert {contigs.find(name) for name in ("chrM", "MT", "M", "NC_012920.1", "J01415.2")} == {0}
    assert contigs.find("MT", RCRS_LENGTH) == 0
    assert contigs.find("MT", 16571) == -1
    assert contigs.find("19") == -1


def test_md5_of_the_mitochondrion_is_that_of_rcrs() -> None:
    assert mitochondrion().contigs[0].md5 == "c68f52674c9fb33aef52dcf399755519"


def test_every_transcript_is_in_the_bins_it_can_be_reached_from() -> None:
    reference = mitochondrion()
    for number, row in enumerate(reference.transcripts):
        for place in (row["start"] - layout.REACH, row["start"], row["end"] - 1, row["end"] + layout.REACH):
            here = min(max(int(place), 0), RCRS_LENGTH) >> layout.BIN_SHIFT
            members = reference.bin_transcripts[reference.bins[here] : reference.bins[here + 1]]
            assert number in members


def test_a_virus_has_one_transcript_for_each_cds_and_reads_through_its_slippage() -> None:
    reference = coronavirus()
    names = [reference.text_value("transcript_id", n) for n in range(len(reference.transcripts))]
    assert len(names) == 12
    row = reference.transcripts[names.index("YP_009724389.1")]
    assert row["cds_end"] - row["cds_start"] == 7097 * 3
    spliced = reference.spliced[row["spliced_from"] : row["spliced_from"] + row["length"]]
    assert spliced[-3:].tolist() == [3, 0, 0]  # TAA: the frame is the right one behind the slip
    slip = 13468 - 266
    assert np.array_equal(spliced[slip : slip + 2], [spliced[slip], spliced[slip]])


@pytest.mark.parametrize(
    ("exons", "cds", "pieces", "slipped"),
    [
        ([(0, 10), (20, 30)], [(2, 10), (20, 28)], ((0, 10), (20, 30)), False),
        ([(0, 30)], [(2, 10), (9, 28)], ((0, 10), (9, 30)), True),
        ([(0, 30)], [(2, 10), (11, 28)], ((0, 10), (11, 30)), True),
        ([(0, 10), (9, 30)], [(2, 10), (9, 28)], ((0, 10), (9, 30)), False),
    ],
)
def test_exons_are_cut_where_the_ribosome_slips(
    exons: list[tuple[int, int]], cds: list[tuple[int, int]], pieces: tuple[tuple[int, int], ...], slipped: bool
) -> None:
    assert split_at_slips(exons, cds) == (pieces, slipped)


def test_letting_pages_go_changes_nothing_that_is_read() -> None:
    reference = mitochondrion()
    before = bytes(reference.sequence(0))
    reference.release_pages()
    assert bytes(reference.sequence(0)) == before


def test_letting_pages_go_makes_room(tmp_path: Path) -> None:
    size = 16 << 20
    reference = load_reference(build(tmp_path, sequence=SEQUENCE + ">two\n" + "ACGT" * (size // 4) + "\n"))
    before = mapped_bytes()
    assert reference.all_sequence[::4096].sum() >= 0
    assert mapped_bytes() - before > size * 0.9
    reference.release_pages()
    assert mapped_bytes() - before < size * 0.1


def test_the_project_ships_the_demo_reference() -> None:
    assert {"GRCh38.chr19.fa.gz", "GRCh38.chrM.fa", "NC_045512.2.gff3"} <= {path.name for path in GIVEN.iterdir()}
