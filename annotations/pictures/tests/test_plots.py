from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4
from xml.etree import ElementTree as ET

import pytest

from annotations.pictures.charts import compact, nice_step
from annotations.pictures.cytobands import bands_of
from annotations.pictures.plots import Plot, draw_plots, section_of
from annotations.pictures.svg import element, standalone

SVG = "{http://www.w3.org/2000/svg}"
SUMMARY: dict[str, Any] = {
    "reference": {"assembly": "GRCh38"},
    "impacts": {"HIGH": 2, "MODERATE": 0, "LOW": 0, "MODIFIER": 1234},
    "consequences": {"intron_variant": 1234, "stop_gained": 2},
    "classes": {"deletion": 30, "SNV": 1206},
    "transitions": 800,
    "transversions": 400,
    "ti_tv": 2.0,
    "indel_lengths": {"-50": 1, "-3": 20, "1": 9},
    "frequencies": [
        {"above": 0.0, "up_to": 0.0001, "alleles": 7},
        {"above": 0.0001, "up_to": 1.0, "alleles": 3},
        {"above": None, "up_to": None, "alleles": 1226},
    ],
    "frequency_column": "allele_frequency",
    "qualities": [{"from": 0, "alleles": 4}, {"from": 1000, "alleles": 6}, {"from": None, "alleles": 1226}],
    "contigs": [{"contig": "chr19", "length": 58_617_616, "alleles": 1236, "density": [1200, 0, 36, *[0] * 56]}],
    "density_step": 1_000_000,
    "top_genes": [
        {"gene_id": "ENSG1", "gene_symbol": "A<B", "alleles": 9, "severe": 2},
        {"gene_id": "ENSG2", "gene_symbol": "", "alleles": 9, "severe": 1},
        {"gene_id": "ENSG3", "gene_symbol": "QUIET", "alleles": 9, "severe": 0},
    ],
}


@pytest.fixture
def plots() -> dict[str, Plot]:
    return {plot.key: plot for plot in draw_plots(SUMMARY, "/jobs/1/explore/")}


def _marks(plot: Plot) -> list[ET.Element]:
    return [shape for shape in ET.fromstring(plot.svg).iter(f"{SVG}rect") if "mark" in str(shape.get("class"))]


def test_every_figure_of_the_summary_has_its_plot_and_the_table_behind_it(plots: dict[str, Plot]):
    rows = {key: [(row.label, row.number) for row in plot.rows] for key, plot in plots.items()}
    assert rows == {
        "impacts": [("High", 2), ("Moderate", 0), ("Low", 0), ("Modifier", 1234)],
        "classes": [("SNV", 1206), ("deletion", 30)],
        "ti-tv": [("transitions (A↔G, C↔T)", 800), ("transversions", 400)],
        "consequences": [("stop gained", 2), ("intron variant", 1234)],
        "karyogram": [("chr19", 1236)],
        "genes": [("A<B", 2), ("ENSG2", 1)],
        "indel-lengths": [("50 or more bases deleted", 1), ("3 bases deleted", 20), ("1 base inserted", 9)],
        "frequencies": [("up to 0.01 %", 7), ("0.01 to 100 %", 3), ("not given", 1226)],
        "quality": [("0 to 20", 4), ("1000 and more", 6)],
    }
    assert plots["ti-tv"].note.startswith("Ti/Tv 2.00.")
    assert plots["quality"].note == "1,226 without a quality."


def test_a_bar_is_as_long_as_its_number_and_bears_the_colour_of_its_impact(plots: dict[str, Plot]):
    high, *_, modifier = _marks(plots["impacts"])
    assert (high.get("class"), modifier.get("class")) == ("mark high", "mark modifier")
    transitions, transversions = (float(str(mark.get("width"))) for mark in _marks(plots["ti-tv"]))
    assert transitions == pytest.approx(2 * transversions, abs=0.02)


def test_a_count_that_is_small_beside_the_others_is_still_seen(plots: dict[str, Plot]):
    assert float(str(_marks(plots["impacts"])[0].get("width"))) >= 1.5


@pytest.mark.parametrize(
    ("key", "filters"),
    [
        ("impacts", {"impact": ["HIGH"]}),
        ("consequences", {"consequence": ["stop_gained"]}),
        ("classes", {"class": ["SNV"]}),
        ("genes", {"gene": ["A<B"], "impact": ["HIGH", "MODERATE"], "by": ["picked"]}),
        ("quality", {"qual_min": ["0"], "qual_below": ["20"]}),
        ("frequencies", {"own_up_to": ["0.0001"]}),
        ("ti-tv", {"substitution": ["transition"]}),
        ("indel-lengths", {"gained_max": ["-50"]}),
        ("karyogram", {"region": ["chr19:1-58617616"]}),
    ],
)
def test_a_bar_leads_to_its_variants(plots: dict[str, Plot], key: str, filters: dict[str, list[str]]):
    links = [str(link.get("href")) for link in ET.fromstring(plots[key].svg).iter(f"{SVG}a")]
    assert plots[key].rows[0].href == links[0]
    assert (urlsplit(links[0]).path, parse_qs(urlsplit(links[0]).query)) == ("/jobs/1/explore/", filters)


def test_the_file_s_own_frequencies_are_no_links_where_the_table_is_older_than_their_column(plots: dict[str, Plot]):
    assert [bool(row.href) for row in plots["frequencies"].rows] == [True, True, False]  # "not given" has no range
    older = {name: value for name, value in SUMMARY.items() if name != "frequency_column"}
    plot = next(plot for plot in draw_plots(older, "/jobs/1/explore/") if plot.key == "frequencies")
    assert not any(row.href for row in plot.rows)


def test_a_column_of_the_karyogram_leads_to_its_megabase(plots: dict[str, Plot]):
    links = [str(link.get("href")) for link in ET.fromstring(plots["karyogram"].svg).iter(f"{SVG}a")]
    regions = [parse_qs(urlsplit(link).query)["region"] for link in links]
    assert regions == [["chr19:1-58617616"], ["chr19:1-1000000"], ["chr19:2000001-3000000"]]


def test_without_an_explorer_there_are_no_links():
    assert all("<a " not in plot.svg and not any(row.href for row in plot.rows) for plot in draw_plots(SUMMARY))


def test_a_page_that_is_asked_again_shows_what_was_drawn():
    job, other = uuid4(), uuid4()
    first = section_of(job, SUMMARY, "/e/")
    assert section_of(job, dict(SUMMARY), "/e/") is first
    assert "/e/?" not in section_of(job, SUMMARY)
    assert f"/jobs/{other}/" in section_of(other, SUMMARY, "/e/")


def test_a_summary_without_counts_gives_no_plots():
    assert draw_plots({}) == []
    nothing = {"impacts": {"HIGH": 0}, "consequences": {}, "qualities": [{"from": None, "alleles": 0}], "contigs": []}
    assert draw_plots(nothing) == []


def test_a_whole_genome_is_drawn_in_columns_that_can_be_hit():
    contigs = [{"contig": f"chr{n}", "length": 150_000_000, "alleles": 150, "density": [1] * 150} for n in range(1, 23)]
    (plot,) = draw_plots({"contigs": contigs, "reference": {"assembly": "GRCh38"}}, "/e/")
    marks = _marks(plot)
    assert 300 < len(marks) <= 600
    assert sum(row.number for row in plot.rows) == 3300


def test_no_column_of_a_density_is_wider_than_what_is_left_of_its_contig():
    contigs = [{"contig": "NC_045512.2", "length": 29_903, "alleles": 3, "density": [3]}]
    contigs.append({"contig": "other", "length": 1_500_000, "alleles": 2, "density": [1, 1]})
    (plot,) = draw_plots({"contigs": contigs})
    found = ET.fromstring(plot.svg).iter(f"{SVG}rect")
    ends = [(one.get("class"), float(one.attrib["x"]) + float(one.attrib["width"])) for one in found]
    bodies = [end for name, end in ends if name == "body"]
    assert max(end for name, end in ends if name == "mark") <= max(bodies) + 0.1
    assert min(end for name, end in ends if name == "mark") <= min(bodies) + 1


def test_names_from_a_file_stay_text(plots: dict[str, Plot]):
    assert "A&lt;B" in plots["genes"].svg
    assert element("text", "<script>", class_='"x') == '<text class="&quot;x">&lt;script&gt;</text>'


def test_a_drawing_as_a_file_has_its_colours_and_no_links(plots: dict[str, Plot]):
    file = standalone(plots["impacts"].svg)
    root = ET.fromstring(file.encode())
    style = str(root.find(f"{SVG}style").text)  # type: ignore[union-attr]
    assert "var(" not in style
    assert re.search(r"\.mark\.high \{ fill: #d55e00; \}", style)
    assert not list(root.iter(f"{SVG}a"))


def test_bands_are_found_by_either_spelling_of_a_contig():
    assert bands_of("GRCh38", "19") == bands_of("GRCh38", "chr19")
    assert bands_of("GRCh38", "chr19")[-1].end == 58_617_616
    assert bands_of("GRCh37", "chr19") == ()


def test_axes_count_in_round_steps():
    assert [nice_step(largest, 3) for largest in (7, 30, 1236, 1)] == [5, 10, 500, 0.5]
    assert [compact(number) for number in (7, 1500, 2_000_000)] == ["7", "1.5k", "2M"]
