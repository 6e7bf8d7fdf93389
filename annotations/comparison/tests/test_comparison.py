from __future__ import annotations

from collections.abc import Sequence

import duckdb
import pytest
from django.test import Client

from annotations import submission
from annotations.comparison import questions
from annotations.comparison.differences import IN_PART, Side, write_differences
from annotations.explorer import files
from annotations.explorer.tests.made import allele, table, transcript
from annotations.explorer.tests.test_genotypes import Record, table_of, vcf_of
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


def test_results_of_many_alleles_are_compared_part_by_part_and_each_allele_once(tmp_path):
    number = 2 * IN_PART + 10
    paths = [tmp_path / name for name in ("left.duckdb", "right.duckdb", "differences.duckdb")]
    # The right one has every allele but the first three, one place earlier; every thousandth is described differently.
    for path, first in zip(paths[:2], (0, 3), strict=True):
        with duckdb.connect(str(path)) as connection:
            connection.execute(
                f"""CREATE TABLE alleles AS SELECT (i - {first})::BIGINT AS allele, 0 AS contig_index, 'chr1' AS contig,
                i::INTEGER AS pos, 'A' AS ref, 'G' AS alt, NULL::VARCHAR AS hgvsg,
                CASE WHEN i % 1000 = 0 AND {first} = 3 THEN 'stop_gained' ELSE 'missense_variant' END AS consequence
                FROM range({first}, {number}) numbers(i)"""
            )
    heard: list[float] = []
    write_differences(Side(paths[0]), Side(paths[1]), paths[2], heard.append)
    with duckdb.connect(str(paths[2]), read_only=True) as connection:
        found = connection.execute("SELECT * FROM differences ORDER BY number").fetchall()
        alike = connection.execute("SELECT alike FROM totals").fetchone()
    changed = range(1000, number, 1000)
    assert [row[1:4] for row in found] == [
        *(("left", place, None) for place in range(3)),
        *(("both", place, place - 3) for place in changed),
    ]
    assert [row[0] for row in found] == list(range(len(found)))
    assert alike == (number - len(found),)
    assert heard == sorted(heard)
    assert len(heard) == 3


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


# --- Genotypes ----------------------------------------------------------------------------------
PLACES = (100, 200, 300, 400, 500)


def _called(user, make_result, names: tuple[str, ...], calls: Sequence[tuple[str, ...]], gone: int = 0) -> Result:
    """A result of the first places, with what each sample has there; `gone`: a place that it has not."""
    records: list[Record] = [
        ("chr19", pos, "A", "G", "GT", here) for pos, here in zip(PLACES, calls, strict=False) if pos != gone
    ]
    made: Result = make_result(user, table_of(records), vcf_of(records, names))
    return made


@pytest.fixture
def called(user, make_result) -> tuple[Result, Result]:
    before = [("0/1",), ("1/1",), ("0/1",), ("0/1",), ("0/0",)]
    after = [("0/1",), ("0/1",), ("./.",), ("0/1",), ("0/1",)]
    return (
        _called(user, make_result, ("tumour",), before),
        _called(user, make_result, ("normal", "other"), [(one, "1/1") for (one,) in after], gone=400),
    )


def _rows(client: Client, pair: tuple[Result, Result], rest: str = "") -> list[tuple[str, str, str, str]]:
    answer = client.get(f"/jobs/{pair[0].pk}/compare/file?with={pair[1].pk}{rest}")
    lines = [line.split("\t") for line in b"".join(answer).decode().splitlines()]
    rows = [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]
    return [(row["pos"], row["kind"], row["this_genotype"], row["other_genotype"]) for row in rows]


def test_genotypes_of_the_first_samples_are_compared_where_no_name_is_shared(client, called):
    page = _page(client, called)
    assert "<option selected>tumour</option>" in page
    assert "<option selected>normal</option>" in page
    assert _places(page) == ["chr19:200", "chr19:300", "chr19:400", "chr19:500"]
    assert '<b class="num">1</b> variant of both is described and called alike' in page
    assert 'homozygous → heterozygous <span class="num">1</span>' in page
    assert 'Another genotype <span class="num">4</span>' in page
    assert _rows(client, called, "&kind=called") == [
        ("200", "changed", "homozygous", "heterozygous"),
        ("300", "changed", "heterozygous", "not called"),
        ("400", "only this", "heterozygous", "not in the file"),
        ("500", "changed", "called without it", "heterozygous"),
    ]


@pytest.mark.parametrize(
    ("rest", "places"),
    [
        ("&kind=called&calls=3-2", ["chr19:200"]),
        ("&kind=called&calls=2-255", ["chr19:400"]),
        ("&kind=changed", []),
        # Both are homozygous at 200.
        ("&kind=called&other_sample=other", ["chr19:100", "chr19:300", "chr19:400", "chr19:500"]),
        ("&calls=1-1'--", ["chr19:200", "chr19:300", "chr19:400", "chr19:500"]),
    ],
)
def test_each_change_of_genotype_can_be_looked_at_alone(rest, places, client, called):
    assert _places(_page(client, called, rest)) == places


def test_an_allele_that_nobody_carries_is_no_change_where_the_other_file_lacks_it(client, user, make_result):
    left = _called(user, make_result, ("a",), [("0/0",), ("./.",), ("0/1",)])
    right = _called(user, make_result, ("a",), [("0/1",), ("0/1",), ("0/1",)][2:])  # of place 100 alone
    assert [row[0] for row in _rows(client, (left, right), "&kind=called")] == ["100", "300"]
    assert [row[0] for row in _rows(client, (left, right), "&kind=left")] == ["200", "300"]


def test_two_samples_of_one_result_are_compared(client, user, make_result):
    both = _called(user, make_result, ("a", "b", "c"), [("0/1", "0/1", "1/1"), ("0/1", "1/1", "0/1")])
    page = client.get(f"/jobs/{both.pk}/compare/").content.decode()
    assert f'value="{both.pk}"' in page
    assert _places(_page(client, (both, both))) == ["chr19:200"]
    assert _places(_page(client, (both, both), "&sample=a&other_sample=c")) == ["chr19:100"]
    assert "no different from itself" in _page(client, (both, both), "&sample=a&other_sample=a")


def test_the_sample_of_the_same_name_is_taken_and_one_that_is_not_there_refused(client, user, make_result):
    left = _called(user, make_result, ("a", "b"), [("0/1", "1/1")])
    right = _called(user, make_result, ("x", "b"), [("0/0", "1/1")])
    assert _rows(client, (left, right)) == []
    answer = client.get(f"/jobs/{left.pk}/compare/?with={right.pk}&sample=nobody")
    assert answer.status_code == 422
    assert "There is no sample nobody in the file" in answer.content.decode()


def test_where_genotypes_cannot_be_read_the_alleles_are_compared_alone(client, user, make_result, called):
    records: list[Record] = [("chr19", 100, "A", "G", "GT", ("0/1",))]
    torn = make_result(user, table_of(records), vcf_of([("chr19", 7, "A", "G", "GT", ("0/1",))], ("tumour",)))
    page = _page(client, (torn, called[0]))
    assert "Genotypes are not compared: those of one of the files cannot be read." in page
    assert _places(page) == ["chr19:200", "chr19:300", "chr19:400", "chr19:500"]
