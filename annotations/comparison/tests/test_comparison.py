from __future__ import annotations

import pytest
from django.test import Client

from accounts.tests.people import BACKEND
from annotations import submission
from annotations.comparison import questions
from annotations.explorer import files
from annotations.explorer.tests.made import allele, table, transcript
from annotations.models import Result

pytestmark = pytest.mark.django_db

MISSENSE = transcript("missense_variant", "RYR1")
STOP = transcript("stop_gained", "RYR1")
INTRON = transcript("intron_variant", "WDR5")
BEFORE = [
    allele("chr1", 100, "A", "G", INTRON, clinvar_clnsig="Uncertain_significance", qual=5.0),
    allele("chr1", 200, "A", "G", INTRON),
    allele("chr19", 300, "A", "G", MISSENSE, kgp_af=0.1),
    # One insertion, written in two ways; its name is the same.
    allele("chr19", 400, "CA", "CAA", MISSENSE, hgvsg="NC_000019.10:g.402dup"),
    allele("chr19", 500, "A", "G", MISSENSE),
    allele("chr19", 500, "A", "G", MISSENSE),  # twice in one file
]
AFTER = [
    allele("chr1", 100, "A", "G", INTRON, clinvar_clnsig="Pathogenic", qual=9.0),
    allele("chr19", 300, "A", "G", STOP, kgp_af=0.1),
    allele("chr19", 401, "A", "AA", MISSENSE, hgvsg="NC_000019.10:g.402dup"),
    allele("chr19", 500, "A", "G", MISSENSE),
    allele("chrM", 600, "C", "T", INTRON),
]


@pytest.fixture
def client(user) -> Client:
    browser = Client()
    browser.force_login(user, backend=BACKEND)
    return browser


@pytest.fixture
def pair(user, make_result) -> tuple[Result, Result]:
    return make_result(user, table(BEFORE, groups=2)), make_result(user, table(AFTER))


def _page(client: Client, pair: tuple[Result, Result], rest: str = "") -> str:
    text: str = client.get(f"/jobs/{pair[0].pk}/compare/?with={pair[1].pk}{rest}").content.decode()
    return text


def _places(page: str) -> list[str]:
    return [part.split("<")[0] for part in page.split('class="place" href="')[1:] for part in [part.split(">")[1]]]


def test_what_only_one_result_has_and_what_is_said_differently_is_shown(client, pair):
    page = _page(client, pair)
    assert _places(page) == ["chr1:100", "chr1:200", "chr19:300", "chrM:600"]
    assert '<b class="num">2</b> variants of both are described alike' in page
    assert "Uncertain significance</span> → <b>Pathogenic</b>" in page
    assert "missense variant</span> → <b>stop gained</b>" in page
    assert "Quality" not in page  # of the call, not of the allele


@pytest.mark.parametrize(
    ("rest", "places"),
    [
        ("&kind=left", ["chr1:200"]),
        ("&kind=right", ["chrM:600"]),
        ("&kind=changed", ["chr1:100", "chr19:300"]),
        ("&kind=changed&column=clinvar_clnsig", ["chr1:100"]),
        ("&kind=changed&column=consequence", ["chr19:300"]),
        ("&column=';DROP TABLE differences;--", []),
    ],
)
def test_each_kind_of_difference_can_be_looked_at_alone(rest, places, client, pair):
    assert _places(_page(client, pair, rest)) == places


def test_pages_by_key_neither_repeat_nor_skip(client, pair, monkeypatch):
    monkeypatch.setattr(questions, "PAGE_SIZE", 1)
    walked, rest = [], ""
    for _ in range(4):
        page = _page(client, pair, rest)
        walked += _places(page)
        rest = page.partition('rel="next" href="')[2].partition('"')[0].partition("&amp;")[2].replace("&amp;", "&")
        rest = f"&{rest}"
    assert walked == ["chr1:100", "chr1:200", "chr19:300", "chrM:600"]
    assert rest == "&"


def test_the_differences_come_as_tsv(client, pair):
    answer = client.get(f"/jobs/{pair[0].pk}/compare/file?with={pair[1].pk}")
    lines = [line.split("\t") for line in b"".join(answer).decode().splitlines()]
    rows = [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]
    assert [row["kind"] for row in rows] == ["changed", "only this", "changed", "only other"]
    assert rows[0]["changed"] == "clinvar_clnsig"
    assert (rows[0]["this_clinvar_clnsig"], rows[0]["other_clinvar_clnsig"]) == ("Uncertain_significance", "Pathogenic")
    assert "consequence" in rows[2]["changed"].split(",")


def test_results_of_two_assemblies_are_not_compared(client, pair):
    for result, assembly in zip(pair, ("GRCh38", "GRCh37"), strict=True):
        Result.objects.filter(pk=result.pk).update(summary={"reference": {"assembly": assembly}})
    answer = client.get(f"/jobs/{pair[0].pk}/compare/?with={pair[1].pk}")
    assert answer.status_code == 422
    assert "This result is on GRCh38, the other on GRCh37" in answer.content.decode()
    assert list(files.folder().glob("*.comparison.duckdb")) == []


def test_a_result_is_not_compared_with_itself_nor_with_a_job_that_has_none(client, user, pair, make_job):
    assert "no different from itself" in _page(client, (pair[0], pair[0]))
    job = make_job(user)
    assert "has no result to compare" in client.get(f"/jobs/{pair[0].pk}/compare/?with={job.pk}").content.decode()


def test_the_other_result_is_chosen_among_ones_own(client, user, pair, make_user, make_result):
    foreign = make_result(make_user(), table(AFTER))
    page = client.get(f"/jobs/{pair[0].pk}/compare/").content.decode()
    assert f'value="{pair[1].pk}"' in page
    assert str(foreign.pk) not in page
    assert client.get(f"/jobs/{pair[0].pk}/compare/?with={foreign.pk}").status_code == 404
    assert client.get(f"/jobs/{pair[0].pk}/compare/?with=nonsense").status_code == 200


def test_a_result_alone_says_what_to_do(client, user, make_result):
    alone = make_result(user, table(BEFORE))
    assert "no other result" in client.get(f"/jobs/{alone.pk}/compare/").content.decode()


@pytest.mark.parametrize("number", [0, 1])
def test_a_comparison_goes_with_either_of_its_results(number, client, user, pair):
    _page(client, pair)
    assert len(list(files.folder().glob("*.comparison.duckdb"))) == 1
    files.tidy()
    assert len(list(files.folder().glob("*.comparison.duckdb"))) == 1
    submission.delete_job(user, pair[number].job)
    files.tidy()
    assert list(files.folder().glob("*.comparison.duckdb")) == []
