from __future__ import annotations

import base64
import json

import pytest
from django.http import QueryDict

from annotations.explorer import database, queries
from annotations.explorer.conditions import both, conditions_of
from annotations.explorer.filters import Filters
from annotations.explorer.queries import BadKeyError
from annotations.explorer.tests.made import allele, table, transcript

pytestmark = pytest.mark.django_db

T = transcript
# By pos: what each allele is there for.
ALLELES = [
    allele("chr1", 100, "A", "G", T("missense_variant", "TP53", hgvsc="ENST_TP53.1:c.10A>G", hgvsp="ENSP1.1:p.Arg4Gly"),
           id="rs11;rs12", filter="PASS", qual=10.0, allele_frequency=0.5, kgp_af=0.2, clinvar_clnsig="Benign"),
    allele("chr1", 200, "A", "G", T("intron_variant", "WDR5"), T("stop_gained", "TP53", hgvsc="ENST_TP53.1:c.20A>G"),
           filter="q10", qual=20.0, allele_frequency=0.0, gnomad_e_status="not_seen"),
    allele("chr19", 300, "A", "AT", T("frameshift_variant", "RYR1"), filter="PASS", qual=30.0, kgp_af=0.001,
           gnomad_e_af=0.0005, clinvar_clnsig="Pathogenic"),
    allele("chr19", 400, "ATTTT", "A", T("synonymous_variant&NMD_transcript_variant", "RYR1"),
           T("intron_variant", transcript_id="ENST00000000042.3"), filter="PASS",
           gnomad_e_status="not_covered", dbsnp_id="rs76&rs77"),
    allele("chrM", 500, "C", "T", T("intergenic_variant"), qual=5.0, kgp_af=0.05),
]  # fmt: skip


@pytest.fixture
def tables(user, make_result):
    with database.opened(make_result(user, table(ALLELES, groups=2))) as opened:
        yield opened


def _found(tables, query: str, order: str = "", after: str = "") -> list[int]:
    known = tables.columns()
    where = both(conditions_of(Filters(QueryDict(query)).values, tables, known).values())
    page = queries.page(tables, known, where, queries.read_order(order, known), after)
    assert queries.count(tables, where) == len(page.alleles)
    return [one["pos"] for one in page.alleles]


@pytest.mark.parametrize(
    ("query", "positions"),
    [
        ("", [100, 200, 300, 400, 500]),
        ("gene=ryr1", [300, 400]),
        ("gene=TP53", [100, 200]),  # of a transcript that was not picked too
        ("gene=TP53,RYR1&gene=NONE", [100, 200, 300, 400]),
        ("gene=ENSG_RYR1.7", [300, 400]),
        ("gene=.*", []),  # a name is not a pattern
        ("region=chr19", [300, 400]),
        ("region=19:300-350", [300]),
        ("region=chr19:403", [400]),  # the deletion reaches there
        ("region=chr19:405", []),
        ("region=MT:1-1,000", [500]),
        ("region=chr1:1-150 chrM", [100, 500]),
        ("impact=HIGH", [200, 300]),  # on any transcript
        ("impact=HIGH&by=picked", [300]),
        ("impact=HIGH&impact=MODERATE", [100, 200, 300]),
        ("consequence=stop_gained", [200]),
        ("consequence=NMD_transcript_variant&by=picked", [400]),
        ("clinvar=Pathogenic", [300]),
        ("clinvar=.&class=SNV", [200, 500]),
        ("af_below=0.01", [200, 300, 400]),
        ("af_below=0.01&af_unknown=covered", [200, 300]),
        ("af_below=0.01&af_unknown=found", [300]),
        ("class=deletion&class=insertion", [300, 400]),
        ("filter=PASS", [100, 300, 400]),
        ("filter=.", [500]),
        ("qual_min=10", [100, 200, 300]),
        ("qual_min=10&qual_below=30", [100, 200]),
        ("own_up_to=0.5", [100, 200]),  # what the file does not give is neither
        ("own_above=0&own_up_to=0.5", [100]),
        ("own_above=0.5", []),
        ("gained_min=1&gained_max=1", [300]),
        ("gained_max=-4", [400]),
        ("q=rs12", [100]),
        ("q=rs1", []),
        ("q=c.10A>G", [100]),
        ("q=p.Arg4Gly", [100]),
        ("q=ENST_TP53.1:c.20A>G", [200]),
        ("q=ENST_TP53:c.20A>G", [200]),  # of any version, picked or not
        ("q=ENST_TP53:c.10A>G", [100]),
        ("q=ENST_TP5:c.20A>G", []),
        ("q=ENST_TP53:c.0A>G", []),
        ("q=tp5", [100]),
        ("q=100%25", []),
        ("q=enst00000000042", [400]),  # which was not picked
        ("q=ENST00000000042.4", []),
        ("q=rs77", [400]),  # by dbSNP, where the file does not say it
        ("preset=rare_damaging", [200, 300]),
        ("preset=clinvar_pathogenic", [300]),
        ("preset=loss_of_function", [200, 300]),
        ("preset=acmg", [100, 200, 300, 400]),
        ("preset=acmg&class=insertion", [300]),
        ("preset=acmg&gene=TP53", [100, 200]),
        ("impact=NONSENSE", [100, 200, 300, 400, 500]),  # an error at its field, and left out
        ("q=';DROP TABLE alleles;--", []),
    ],
)
def test_filters_leave_what_they_say(query, positions, tables):
    assert _found(tables, query) == positions


CHANGES = [
    allele("chr1", 1, "A", "G", T("intergenic_variant"), hgvsg="chr1:g.1A>G"),
    allele("chr1", 2, "AC", "AT", T("intergenic_variant"), hgvsg="chr1:g.3C>T", variant_class="SNV"),
    allele("chr1", 5, "A", "C", T("intergenic_variant"), hgvsg="chr1:g.5A>C"),
    allele("chr1", 9, "ACGT", "<DEL>", T("intergenic_variant"), hgvsg="chr1:g.9_900del", variant_class="deletion"),
]


@pytest.mark.parametrize(
    ("query", "positions"),
    [
        ("substitution=transition", [1, 2]),
        ("substitution=transversion", [5]),
        ("gained_min=-5&gained_max=5", [1, 2, 5]),  # what a symbolic allele gains its letters do not tell
    ],
)
def test_a_change_is_found_by_what_it_does_to_the_sequence(query, positions, user, make_result):
    with database.opened(make_result(user, table(CHANGES))) as tables:
        assert _found(tables, query) == positions


@pytest.mark.parametrize(
    ("query", "field", "words"),
    [
        ("region=chr19:5-1", "region", "ends before it begins"),
        ("region=chr19:x", "region", "is not a region"),
        ("impact=AWFUL", "impact", "is not one of the impacts"),
        ("af_below=2", "af_below", "from 0 to 1"),
        ("gene=" + ",".join(f"G{number}" for number in range(3000)), "gene", "more than 1,000"),
        ("preset=all", "preset", "not one of the available choices"),
    ],
)
def test_a_value_that_does_not_fit_is_an_error_at_its_field(query, field, words):
    filters = Filters(QueryDict(query))
    assert words in filters.errors[field][0]
    assert field not in filters.values


@pytest.mark.parametrize(
    ("order", "positions"),
    [
        ("-pos", [500, 400, 300, 200, 100]),
        ("qual", [500, 100, 200, 300, 400]),
        ("-qual", [300, 200, 100, 500, 400]),  # unknown last, either way
        ("worst_impact", [200, 300, 100, 400, 500]),  # by severity
        ("-consequence", [500, 200, 400, 100, 300]),
        ("frequency", [300, 500, 100, 200, 400]),
        ("gene_symbol", [300, 400, 100, 200, 500]),
        ("filter", [100, 300, 400, 200, 500]),
    ],
)
def test_any_column_sorts_and_pages_by_key_neither_repeat_nor_skip(order, positions, tables, monkeypatch):
    assert _found(tables, "", order) == positions
    monkeypatch.setattr(queries, "PAGE_SIZE", 2)
    known = tables.columns()
    walked: list[int] = []
    after = ""
    while len(walked) < 10:
        page = queries.page(tables, known, both([]), queries.read_order(order, known), after)
        walked += [one["pos"] for one in page.alleles]
        after = page.next_key
        if not after:
            break
    assert walked == positions


@pytest.mark.parametrize("key", ["x", "W10", "WzEsIjIiXQ", "eyJhIjoxfQ", "é"])
def test_a_made_up_key_is_refused(key, tables):
    known = tables.columns()
    with pytest.raises(BadKeyError):
        queries.page(tables, known, both([]), queries.read_order("qual", known), key)


@pytest.mark.parametrize(
    ("order", "key"),
    [("picked", [1, 1]), ("picked", ["x", 1]), ("qual", [True, 1]), ("qual", [10**40, 1]), ("pos", [1, 10**40])],
)
def test_a_key_that_its_column_cannot_be_compared_with_is_refused(order, key, tables):
    known = tables.columns()
    with pytest.raises(BadKeyError):
        queries.page(tables, known, both([]), queries.read_order(order, known), _encoded(json.dumps(key)))


def test_a_key_as_deep_as_an_address_can_be_is_refused(tables):
    known = tables.columns()
    with pytest.raises(BadKeyError):
        queries.page(tables, known, both([]), queries.read_order("qual", known), _encoded("[" * 3000))


def _encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


def test_a_key_of_another_sorting_is_refused(tables, monkeypatch):
    monkeypatch.setattr(queries, "PAGE_SIZE", 2)
    known = tables.columns()
    by_gene = queries.page(tables, known, both([]), queries.read_order("gene_symbol", known), "")
    with pytest.raises(BadKeyError):
        queries.page(tables, known, both([]), queries.read_order("qual", known), by_gene.next_key)


@pytest.mark.parametrize("order", ["nothing", "pos; DROP TABLE alleles", "(SELECT 1)", 'pos"'])
def test_only_columns_sort(order, tables):
    with pytest.raises(BadKeyError):
        queries.read_order(order, tables.columns())


def test_counts_beside_a_filter_are_those_under_all_the_others(tables):
    known = tables.columns()
    conditions = conditions_of(Filters(QueryDict("impact=HIGH&filter=PASS")).values, tables, known)
    found = queries.facets(tables, known, conditions)
    assert found["impact"] == [("HIGH", 1), ("MODERATE", 1), ("LOW", 1)]
    assert found["filter"] == [("PASS", 1), ("q10", 1)]
    assert found["class"] == [("insertion", 1)]
    assert found["clinvar"] == [("Pathogenic", 1)]


def test_an_alleles_transcripts_begin_with_the_picked_one(tables):
    rows = queries.transcripts(tables, 1)
    assert [(row["gene_symbol"], row["picked"]) for row in rows] == [("WDR5", True), ("TP53", False)]
    assert queries.transcripts(tables, 99) == []


@pytest.mark.parametrize("seen", [2, 3])
def test_the_question_for_a_page_counts_what_it_sees_whole_and_no_more(seen, tables, monkeypatch):
    monkeypatch.setattr(queries, "PAGE_SIZE", 1)
    monkeypatch.setattr(queries, "SEEN", seen)
    known = tables.columns()
    where = both(conditions_of({"filter": ("PASS",)}, tables, known).values())
    first = queries.page(tables, known, where, queries.read_order("", known), "")
    assert [one["pos"] for one in first.alleles] == [100]
    assert first.number == (3 if seen == 3 else None)
    behind = queries.page(tables, known, where, queries.read_order("", known), first.next_key)
    assert ([one["pos"] for one in behind.alleles], behind.number) == ([300], None)
