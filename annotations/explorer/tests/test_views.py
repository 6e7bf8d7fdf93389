from __future__ import annotations

import pytest

from annotations.explorer import columns
from annotations.explorer.tests.made import allele, table, transcript
from annotations.models import JobStatus, Result, StorageState

pytestmark = pytest.mark.django_db

ALLELES = [
    allele("chr1", 1000, "A", "G", transcript("intron_variant", "WDR5"), transcript("stop_gained", "TP53"), qual=7.5),
    allele("chr19", 2000, "A", "<script>", transcript("missense_variant", "RYR1", hgvsp="ENSP1.1:p.Arg4Gly")),
]


@pytest.fixture
def result(user, make_result) -> Result:
    made: Result = make_result(user, table(ALLELES))
    return made


def _page(client, result, rest: str = "") -> str:
    text: str = client.get(f"/jobs/{result.pk}/explore/{rest}").content.decode()
    return text


def test_the_table_shows_each_allele_once_and_marks_what_the_picked_transcript_hides(client, result):
    page = _page(client, result)
    assert page.count('scope="row"') == 2
    assert "chr1:1,000" in page
    assert f'href="/jobs/{result.pk}/variants/0/"' in page
    assert page.count('class="hides"') == 1
    assert "stop gained" in page
    assert "<script>" not in page.replace('<script src="', "")


def test_what_a_file_says_is_text_in_every_cell(client, user, make_result):
    evil = '"><script>alert(1)</script>'
    row = transcript("missense_variant", evil, hgvsc=f"ENST1.1:c.{evil}", hgvsp=f"ENSP1.1:p.{evil}")
    values = {"filter": evil, "id": evil, "clinvar_clnsig": evil}
    result = make_result(user, table([allele("chr19", 2000, "A", "G", row, **values)]))
    shown = "&".join(f"column={name}" for name in ("consequence", "hgvsc", "hgvsp", "filter", "id", "clinvar_clnsig"))
    page = _page(client, result, f"?{shown}")
    assert page.count("alert(1)") == 6
    assert "<script>alert" not in page
    assert '"><script' not in page


def test_filters_come_from_the_address_and_stay_in_its_links(client, result):
    page = _page(client, result, "?gene=RYR1&sort=-pos")
    assert "chr1:1,000" not in page
    assert '<b class="num">1</b> of 2' in page
    assert "gene=RYR1&amp;sort=qual" in page
    assert "counts?gene=RYR1&amp;sort=-pos" in page


def test_a_name_as_long_as_what_was_inserted_is_cut_in_the_table(client, user, make_result):
    name = f"ENST1.1:c.5_6ins{'ACGT' * 1000}"
    result = make_result(user, table([allele("chr1", 1, "A", "AC", transcript("intron_variant", "TP53", hgvsc=name))]))
    page = _page(client, result)
    assert "c.5_6insACGT" in page
    assert "ACGT" * 30 not in page


def test_of_terms_that_do_not_fit_their_number_is_shown_and_none_is_cut():
    terms = ["splice_acceptor_variant", "splice_donor_variant", "coding_sequence_variant", "intron_variant"]
    assert columns.cell("consequence", {"consequence": "&".join(terms[:2])}) == (
        "splice acceptor variant, splice donor variant"
    )
    assert columns.cell("consequence", {"consequence": "&".join(terms)}) == (
        "splice acceptor variant, splice donor variant, coding sequence variant and 1 more"
    )


def test_chosen_columns_are_the_ones_shown(client, result):
    page = _page(client, result, "?column=qual&column=hgvsp&column=nothing")
    heads = page[page.index("<thead>") : page.index("</thead>")]
    assert heads.count("<th ") == 4
    assert "Quality" in heads
    assert "7.5" in page


def test_the_counts_are_check_boxes_with_numbers(client, result):
    page = _page(client, result, "counts?impact=HIGH")
    assert 'name="impact" value="HIGH" checked' in page
    assert 'name="consequence" value="stop_gained"' in page


def test_the_three_numbers_are_those_of_the_tables_behind_them(client, user, make_result):
    alleles = [
        allele("chr1", 10, "A", "G", transcript("stop_gained", "TP53"), kgp_af=0.3),
        allele("chr1", 20, "A", "G", transcript("missense_variant", "TP53"), clinvar_clnsig="Pathogenic", kgp_af=0.3),
        allele("chr1", 30, "A", "G", transcript("missense_variant", "TP53")),
        allele("chr1", 40, "A", "G", transcript("stop_gained", "TP53")),
    ]
    result = make_result(user, table(alleles))
    numbers = _page(client, result, "headline")
    for address, number in {"?impact=HIGH": 2, "?preset=clinvar_pathogenic": 1, "?preset=rare_damaging": 2}.items():
        assert f'{address}"><b class="num">{number}</b>' in numbers
        assert f'<b class="num">{number}</b> of 4' in _page(client, result, address)
    assert 'hx-trigger="load"' in client.get(f"/jobs/{result.pk}/").content.decode()


def test_the_numbers_wait_for_a_table_that_is_being_prepared(client, result, monkeypatch):
    monkeypatch.setattr("annotations.explorer.making.WAIT_SECONDS", 0)
    monkeypatch.setattr("annotations.explorer.files._is_ready", lambda wanted: False)
    assert 'hx-trigger="load delay:1s"' in _page(client, result, "headline")


def test_the_filtered_table_leads_to_the_report_of_what_it_shows(client, result):
    assert f'href="/jobs/{result.pk}/report?gene=RYR1"' in _page(client, result, "?gene=RYR1")


def test_a_row_opens_to_all_transcripts(client, result):
    page = _page(client, result, "transcripts/0")
    assert page.index("ENST_WDR5.1") < page.index("ENST_TP53.1")
    assert client.get(f"/jobs/{result.pk}/explore/transcripts/5").status_code == 404


def test_a_filter_that_cannot_be_read_is_said_and_left_out(client, result):
    response = client.get(f"/jobs/{result.pk}/explore/?region=nowhere:x&gene=RYR1")
    assert response.status_code == 422
    assert "<p>Region: nowhere:x is not a region" in response.content.decode()
    assert "This filter was left out" in response.content.decode()
    assert "chr19:2,000" in response.content.decode()


@pytest.mark.parametrize("rest", ["?after=x", "?sort=nothing", "?sort=qual&after=x"])
def test_an_address_that_we_never_made_is_not_there(rest, client, result):
    assert client.get(f"/jobs/{result.pk}/explore/{rest}").status_code == 404


def test_no_match_and_no_variant_say_what_to_do(client, user, result, make_result):
    assert "No variant passes these filters" in _page(client, result, "?gene=NONE")
    assert "No variant in this result" in _page(client, make_result(user, table([])))


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (StorageState.COLD, "in the archive"),
        (StorageState.RESTORING, "on their way back"),
        (StorageState.DELETED, "no table"),
    ],
)
def test_an_archived_result_says_where_its_table_is(state, words, client, result):
    Result.objects.filter(pk=result.pk).update(storage=state)
    assert words in _page(client, result)


def test_a_job_without_a_result_shows_its_own_page(client, user, make_job):
    job = make_job(user)
    assert job.status == JobStatus.PENDING
    assert client.get(f"/jobs/{job.pk}/explore/").headers["Location"] == f"/jobs/{job.pk}/"


def test_a_large_table_is_prepared_while_the_page_waits(client, result, monkeypatch):
    monkeypatch.setattr("annotations.explorer.making.WAIT_SECONDS", 0)
    monkeypatch.setattr("annotations.explorer.files._is_ready", lambda wanted: False)
    response = client.get(f"/jobs/{result.pk}/explore/?gene=RYR1")
    assert response.status_code == 202
    assert 'id="preparing" hx-get="/jobs/' in response.content.decode()


def test_the_page_that_waited_for_a_table_is_loaded_anew_when_it_is_there(client, result, monkeypatch):
    address, waits = f"/jobs/{result.pk}/explore/?gene=RYR1", {"HX-Request": "true", "HX-Target": "preparing"}
    answer = client.get(address, headers=waits)
    assert (answer.headers["HX-Refresh"], answer.content) == ("true", b"")
    monkeypatch.setattr("annotations.explorer.making.WAIT_SECONDS", 0)
    monkeypatch.setattr("annotations.explorer.files._is_ready", lambda wanted: False)
    assert "HX-Refresh" not in client.get(address, headers=waits).headers


def test_the_page_needs_few_queries_however_many_alleles(client, user, make_result, django_assert_max_num_queries):
    result = make_result(user, table(ALLELES * 30))
    client.get(f"/jobs/{result.pk}/explore/")
    with django_assert_max_num_queries(8):
        assert "Next 50" in _page(client, result)
