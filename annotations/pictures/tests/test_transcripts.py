from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from annotations.genomics.reference.outline import Outline
from annotations.pictures.protein import Lollipop, lollipops, protein_length
from annotations.pictures.transcripts import Frame, frame_around, strip

SVG = "{http://www.w3.org/2000/svg}"


def _outline(strand: int = 1, coding: tuple[int, int] | None = (1050, 2030)) -> Outline:
    exons = ((1000, 1100), (1500, 1530), (2000, 2100))
    return Outline("T1.1", "GENE", "G1", "protein_coding", strand, 1000, 2100, exons, coding, True, False)


def _boxes(svg: str, css: str) -> list[tuple[float, float]]:
    shapes = [shape for shape in ET.fromstring(svg).iter(f"{SVG}rect") if shape.get("class") == css]
    return [(float(str(shape.get("x"))), float(str(shape.get("width")))) for shape in shapes]


def test_exons_are_drawn_where_they_lie():
    svg = strip(_outline(), Frame(1000, 2100), (1510, 1511), "HIGH")
    exons = [(x * 1.1 + 1000, width * 1.1) for x, width in _boxes(svg, "exon")]
    assert exons == [pytest.approx(box, abs=0.02) for box in [(1000, 100), (1500, 30), (2000, 100)]]
    coding = [(x * 1.1 + 1000, width * 1.1) for x, width in _boxes(svg, "exon coding")]
    assert coding == [pytest.approx(box, abs=0.02) for box in [(1050, 50), (1500, 30), (2000, 30)]]


def test_the_variant_lies_across_its_exon_and_is_wide_enough_to_be_seen():
    svg = strip(_outline(), Frame(1000, 2100), (1510, 1511), "HIGH")
    ((x, width),) = _boxes(svg, "here mark high")
    assert width == 7
    assert (x + width / 2) * 1.1 + 1000 == pytest.approx(1510.5, abs=0.02)


@pytest.mark.parametrize(
    ("strand", "variant", "words"),
    [
        (1, (1510, 1511), "the variant in exon 2"),
        (1, (2099, 2100), "the variant in exon 3"),
        (-1, (2099, 2100), "reverse strand, the variant in exon 1"),
        (1, (1200, 1201), "the variant in no exon"),
        (1, (2500, 2501), "the variant outside"),
    ],
)
def test_a_picture_says_in_words_where_the_variant_is(strand: int, variant: tuple[int, int], words: str):
    name = ET.fromstring(strip(_outline(strand), Frame(900, 2600), variant, "LOW")).get("aria-label")
    assert str(name).endswith(words)


def test_what_codes_for_nothing_has_no_high_exons():
    assert _boxes(strip(_outline(coding=None), Frame(1000, 2100), (1000, 1001), "MODIFIER"), "exon coding") == []


def test_a_frame_holds_all_transcripts_and_a_variant_beside_them():
    frame = frame_around([_outline()], (5000, 5001))
    assert frame.start < 1000
    assert frame.end > 5001
    alone = frame_around([], (3, 4))
    assert (alone.start, alone.end) == (0, 14)


def test_a_protein_is_as_long_as_its_coding_exons_say():
    assert protein_length(_outline()) == 36  # 50 + 30 + 30 bases, the stop codon aside
    assert protein_length(_outline(coding=None)) == 1


def test_lollipops_stand_at_their_amino_acid_and_higher_where_more_share_it():
    found = [
        Lollipop(1, "p.Met1?", "HIGH", "/1"),
        Lollipop(36, "p.Ala36Val", "MODERATE", "/2", is_chosen=True),
        Lollipop(36, "p.Ala36Ala", "LOW", "/3"),
    ]
    root = ET.fromstring(lollipops("Variants", _outline(), found))
    circles = {str(circle.get("class")): circle for circle in root.iter(f"{SVG}circle")}
    assert set(circles) == {"mark high", "mark moderate chosen"}
    first, last = circles["mark high"], circles["mark moderate chosen"]
    assert float(str(first.get("cx"))) == pytest.approx(16 + 0.5 * 448 / 36, abs=0.01)
    assert float(str(last.get("cx"))) == pytest.approx(16 + 35.5 * 448 / 36, abs=0.01)
    assert float(str(last.get("cy"))) < float(str(first.get("cy")))
    assert [link.get("href") for link in root.iter(f"{SVG}a")] == ["/1", "/2"]


def test_of_many_lollipops_the_graver_lie_on_top_and_the_chosen_one_above_all():
    found = [Lollipop(at, "p.=", "HIGH" if at == 2 else "LOW", "/", is_chosen=at == 5) for at in range(1, 60)]
    circles = list(ET.fromstring(lollipops("Variants", _outline(), found)).iter(f"{SVG}circle"))
    assert [circle.get("class") for circle in circles[-3:]] == ["mark low", "mark high", "mark low chosen"]
    assert float(str(circles[0].get("r"))) < float(str(circles[-1].get("r")))


def test_exons_of_the_reverse_strand_meet_in_the_protein_order():
    def joints(strand: int) -> list[float]:
        lines = ET.fromstring(lollipops("Variants", _outline(strand), [])).iter(f"{SVG}line")
        return [round((float(str(joint.get("x1"))) - 16) * 36 / 448 * 3) for joint in lines]

    assert joints(1) == [50, 80]
    assert joints(-1) == [30, 60]
