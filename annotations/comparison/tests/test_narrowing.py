from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from annotations.comparison import questions
from annotations.comparison.reclassified import CHANGES
from annotations.comparison.tests.test_comparison import _page, _places
from annotations.explorer.database import Cursor
from annotations.explorer.tests.made import allele, table, transcript
from annotations.models import Job, Result
from gas import clock

pytestmark = pytest.mark.django_db

MISSENSE = transcript("missense_variant", "RYR1")
STOP = transcript("stop_gained", "RYR1")
INTRON = transcript("intron_variant", "WDR5")
# What ClinVar said of the alleles at 100, 200 … and says now.
WORDS: list[tuple[str | None, str | None]] = [
    ("Uncertain_significance", "Pathogenic"),
    (None, "Likely_pathogenic|drug_response"),
    ("Pathogenic/Likely_pathogenic", "Conflicting_classifications_of_pathogenicity"),
    ("Uncertain_significance", "Likely_benign"),
    ("Pathogenic", None),
    ("Likely_pathogenic", "Pathogenic"),
    ("Benign", "Benign"),
]
CHANGED = [
    ("pathogenic", ["chr1:100", "chr1:200"]),
    ("not_pathogenic", ["chr1:300", "chr1:500"]),
    ("uncertain", ["chr1:300"]),
    ("benign", ["chr1:400"]),
    ("new", ["chr1:200"]),
    ("gone", ["chr1:500"]),
]


@pytest.fixture
def runs(user, make_result) -> tuple[Result, Result]:
    """One file twice, with an older and a newer ClinVar; 700 is alike, 800 only in the second."""
    made = []
    for run in (0, 1):
        rows = [
            allele("chr1", 100 * (place + 1), "A", "G", INTRON, clinvar_clnsig=words[run])
            for place, words in enumerate(WORDS)
        ]
        extra = [allele("chr1", 800, "A", "G", INTRON, clinvar_clnsig="Pathogenic")] if run else []
        made.append(make_result(user, table(rows + extra)))
    Job.objects.filter(pk=made[0].pk).update(submitted_at=clock.from_now(-timedelta(days=30)))
    return made[0], made[1]


@pytest.mark.parametrize(("key", "places"), CHANGED)
def test_what_clinvar_reclassified_between_two_runs_is_found_from_either_side(key, places, client, runs):
    page = _page(client, runs, f"&reclassified={key}")
    assert _places(page) == places
    assert f'{CHANGES[key].title} <span class="num">{len(places)}</span>' in page
    assert "the other way round" not in page
    turned = _page(client, (runs[1], runs[0]), f"&reclassified={key}")
    assert _places(turned) == places
    assert "This result is the later one" in turned


@pytest.mark.parametrize(("versions", "later"), [(("2026-01-03", "2025-12-28"), 0), (("2026-01-03", "2026-01-03"), 1)])
def test_the_later_result_is_that_of_the_newer_clinvar_and_of_one_release_that_of_the_later_job(
    versions, later, client, runs
):
    for result, version in zip(runs, versions, strict=True):
        summary = {"sources": [{"key": "CLINVAR", "title": "ClinVar", "version": version, "alleles": 1}]}
        Result.objects.filter(pk=result.pk).update(summary=summary)
    page = _page(client, runs)
    assert ("This result is the later one" in page) == (later == 0)
    assert f"ClinVar {versions[0]}" in page
    places = dict(CHANGED)["pathogenic" if later else "not_pathogenic"]
    # What is now pathogenic seen forwards, was that before seen backwards; 300 and 500 are no longer.
    assert _places(_page(client, runs, "&reclassified=pathogenic")) == places


def test_the_other_way_round_leads_to_the_same_differences(client, runs):
    page = _page(client, (runs[1], runs[0]), "&kind=left&gene=WDR5")
    address = page.partition('lead back in time. <a href="')[2].partition('"')[0]
    turned = client.get(address.replace("&amp;", "&")).content.decode()
    assert _places(page) == _places(turned) == ["chr1:800"]
    assert "lead back in time" not in turned


@pytest.fixture
def pair(user, make_result) -> tuple[Result, Result]:
    before = [
        allele("chr1", 100, "A", "G", INTRON, clinvar_clnsig="Uncertain_significance"),
        allele("chr1", 200, "A", "G", INTRON),
        allele("chr19", 300, "A", "G", MISSENSE, gnomad_e_af=0.2),
        allele("chr19", 350, "A", "G", INTRON, transcript("synonymous_variant", "RYR1")),
    ]
    after = [
        allele("chr1", 100, "A", "G", INTRON, clinvar_clnsig="Benign"),
        allele("chr19", 300, "A", "G", STOP, gnomad_e_af=0.2),
        allele("chrM", 600, "C", "T", transcript("frameshift_variant", "MT-ND1"), clinvar_clnsig="Pathogenic"),
    ]
    return make_result(user, table(before)), make_result(user, table(after))


FILTERS: list[tuple[str, list[str]]] = [
    ("&gene=wdr5", ["chr1:100", "chr1:200", "chr19:350"]),
    ("&gene=MT-ND1", ["chrM:600"]),  # a gene of the other result alone
    ("&gene=RYR1", ["chr19:300", "chr19:350"]),  # of a transcript that was not picked, too
    ("&impact=HIGH", ["chr19:300", "chrM:600"]),
    ("&impact=MODERATE", ["chr19:300"]),  # as this result says it
    ("&impact=HIGH&impact=LOW&gene=RYR1", ["chr19:300", "chr19:350"]),
    ("&impact=HIGH&kind=changed", ["chr19:300"]),
    ("&clinvar=Uncertain_significance", ["chr1:100"]),
    ("&clinvar=Benign&clinvar=Pathogenic", ["chr1:100", "chrM:600"]),
    ("&clinvar=Benign&kind=right", []),
    ("&region=chr19:1-320", ["chr19:300"]),
    ("&af_below=0.1&region=chr19", ["chr19:350"]),
    ("&preset=loss_of_function", ["chr19:300", "chrM:600"]),
    ("&preset=clinvar_pathogenic", ["chrM:600"]),
]


@pytest.mark.parametrize(("rest", "places"), FILTERS)
def test_filters_of_either_result_narrow_the_listing_the_number_and_the_file(rest, places, client, pair):
    page = _page(client, pair, rest)
    assert _places(page) == places
    assert f'<b class="num">{len(places)}</b> of 5 differences' in page
    answer = client.get(f"/jobs/{pair[0].pk}/compare/file?with={pair[1].pk}{rest}")
    lines = [line.split("\t") for line in b"".join(answer).decode().splitlines()]
    assert [f"{line[1]}:{line[2]}" for line in lines[1:]] == places


def test_the_numbers_beside_the_kinds_are_of_what_the_filters_leave(client, pair):
    page = _page(client, pair, "&impact=HIGH")
    for words in ("All differences", "Only in the other", "In both, described differently"):
        number = 2 if words.startswith("All") else 1
        assert f'{words} <span class="num">{number}</span>' in page
    assert 'Only in this result <span class="num">0</span>' in page
    assert "Now benign" not in page
    assert 'Now benign <span class="num">1</span>' in _page(client, pair, "&gene=WDR5")


def test_where_nothing_is_left_the_page_says_why_and_leads_back(client, pair):
    assert "No difference passes these filters" in _page(client, pair, "&clinvar=Benign&kind=right")
    page = _page(client, pair, "&reclassified=gone")
    assert "No difference of this kind" in page
    assert f'<a href="?with={pair[1].pk}">Show all 5 differences</a>' in page


def test_links_and_forms_keep_the_filters(client, pair):
    page = _page(client, pair, "&impact=HIGH&gene=RYR1&kind=changed")
    assert "gene=RYR1&amp;impact=HIGH&amp;kind=left" in page
    assert f"/compare/file?with={pair[1].pk}&amp;kind=changed&amp;gene=RYR1&amp;impact=HIGH" in page
    assert '<input type="hidden" name="kind" value="changed">' in page
    assert 'value="HIGH" checked' in page


@pytest.mark.parametrize(
    ("rest", "sentence"),
    [
        ("&impact=TERRIBLE", "TERRIBLE is not one of the impacts known here."),
        ("&clinvar=Patho'--", "ClinVar says Patho&#x27;-- in neither result."),
        ("&gene=NOSUCH", "Neither result has a variant in NOSUCH."),
        ("&region=chr19:x", "chr19:x is not a region"),
        ("&preset=all", "Select a valid choice"),
        ("&kind=upside", "There is no kind of difference like that."),
        ("&column=';DROP TABLE differences;--", "were not compared by a column of this name"),
        ("&calls=1-1'--", "There is no change of genotype like that."),
        ("&calls=1-9", "There is no change of genotype like that."),
        ("&reclassified=worse", "There is no change in ClinVar like that."),
    ],
)
def test_what_is_not_known_is_left_out_and_one_sentence_says_so(rest, sentence, client, pair):
    answer = client.get(f"/jobs/{pair[0].pk}/compare/?with={pair[1].pk}{rest}")
    page = answer.content.decode()
    assert answer.status_code == 422
    assert sentence in page
    assert page.count("<p>") - page.count("<p><a") >= 2
    assert len(_places(page)) == (0 if "gene" in rest else 5)
    file = client.get(f"/jobs/{pair[0].pk}/compare/file?with={pair[1].pk}{rest}")
    assert file.headers["Location"].startswith(f"/jobs/{pair[0].pk}/compare/?with=")


def test_where_one_result_has_no_clinvar_nothing_was_reclassified(client, pair, monkeypatch):
    monkeypatch.setattr(questions, "compared", lambda tables: ["consequence"])
    page = _page(client, pair, "&reclassified=new")
    assert "Not both results quote ClinVar" in page
    assert "Changed in ClinVar" not in page


def test_numbers_are_asked_once_of_the_same_results(client: Client, pair: tuple[Result, Result], monkeypatch: Any):
    _page(client, pair, "&impact=HIGH")
    asked: list[str] = []
    ask = Cursor.execute

    def noted(self: Cursor, sql: str, parameters: Any = ()) -> Any:
        asked.append(sql)
        return ask(self, sql, parameters)

    monkeypatch.setattr(Cursor, "execute", noted)
    _page(client, pair, "&impact=HIGH")
    assert not [sql for sql in asked if "count(*)" in sql]
    _page(client, pair, "&impact=LOW")
    assert [sql for sql in asked if "count(*)" in sql]
