from __future__ import annotations

import gzip
import io
import zipfile
from datetime import timedelta
from typing import Any

import pyarrow.parquet as pq
import pytest
from django.test import Client
from django.utils import timezone

from annotations import storage
from annotations.areas import area
from annotations.explorer import exports, saving
from annotations.explorer.models import Export, ExportStatus, SavedFilter
from annotations.explorer.tests.made import allele, table, transcript
from annotations.models import Result

pytestmark = pytest.mark.django_db

HEAD = b"##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
RECORDS = [
    b"chr19\t300\t=1+1\tA\tG,AT\t.\t.\tX=1\n",
    b"chr19\t301\tskipped\tA\t<NON_REF>\t.\t.\t.\n",
    b"chr1\t100\trs1\tC\tT\t.\tPASS\t.\n",
    b"chr1\t100\trs1\tC\tT\t.\tPASS\tagain\n",
]
ALLELES = [
    allele("chr19", 300, "A", "G", transcript("stop_gained", "RYR1"), id="=1+1"),
    allele("chr19", 300, "A", "AT", transcript("frameshift_variant", "RYR1"), id="=1+1", alt_index=2, line=10),
    allele("chr1", 100, "C", "T", transcript("intron_variant", "WDR5"), filter="PASS"),
    allele("chr1", 100, "C", "T", transcript("missense_variant", "WDR5"), filter="PASS"),
]


@pytest.fixture
def result(user, make_result) -> Result:
    made: Result = make_result(user, table(ALLELES), gzip.compress(HEAD + b"".join(RECORDS)))
    return made


def _asked(client: Client, result: Result, kind: str, query: str = "") -> Any:
    return client.post(f"/jobs/{result.pk}/explore/downloads", {"kind": kind, "query": query})


def _file(client: Client, result: Result, kind: str, query: str = "") -> bytes:
    response = _asked(client, result, kind, query)
    assert response.status_code == 200
    assert "attachment" in response.headers["Content-Disposition"]
    return b"".join(response.streaming_content)


@pytest.mark.parametrize(
    ("query", "records"),
    [("", [0, 2, 3]), ("class=insertion", [0]), ("impact=HIGH", [0]), ("gene=WDR5", [2, 3]), ("gene=NONE", [])],
)
def test_a_vcf_holds_the_records_of_the_filtered_alleles_as_they_were(query, records, client, result):
    lines = gzip.decompress(_file(client, result, "vcf", query)).splitlines(keepends=True)
    assert [line for line in lines if not line.startswith(b"#")] == [RECORDS[number] for number in records]
    assert lines[1] == b"##gas_filter=" + (query or "none").encode() + b"\n"


def test_a_tsv_has_a_line_for_each_allele_in_genome_order_and_no_formula(client, result):
    lines = _file(client, result, "tsv", "").decode().splitlines()
    head = lines[0].split("\t")
    rows = [dict(zip(head, line.split("\t"), strict=True)) for line in lines[1:]]
    assert [(row["contig"], row["pos"], row["alt"]) for row in rows] == [
        ("chr1", "100", "T"),
        ("chr1", "100", "T"),
        ("chr19", "300", "G"),
        ("chr19", "300", "AT"),
    ]
    assert rows[2]["id"] == "'=1+1"


def test_parquet_keeps_types_sorting_and_filter(client, result):
    found = pq.read_table(io.BytesIO(_file(client, result, "parquet", "gene=RYR1&sort=-alt_index")))
    assert found["alt_index"].to_pylist() == [2, 1]
    assert found["consequence"].to_pylist() == ["frameshift_variant", "stop_gained"]
    empty = pq.read_table(io.BytesIO(_file(client, result, "parquet", "gene=NONE")))
    assert empty.num_rows == 0
    assert empty.column_names == found.column_names


def test_a_worksheet_holds_texts_never_formulas(client, result):
    book = zipfile.ZipFile(io.BytesIO(_file(client, result, "xlsx", "gene=RYR1&column=id&column=consequence")))
    sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "=1+1" in sheet
    assert "<f>" not in sheet
    assert sheet.count("<row ") == 3


def test_a_worksheet_that_would_be_too_long_is_refused_with_a_sentence(client, result, monkeypatch, worker):
    monkeypatch.setattr("annotations.explorer.writers.SHEET_ROWS", 2)
    page = worker(_asked(client, result, "xlsx"))
    assert "A worksheet holds up to" in page


@pytest.fixture
def worker(client, monkeypatch):
    """Everything counts as large; the page of a download after a worker was at it."""
    monkeypatch.setattr(exports, "AT_ONCE", -1)

    def work(response: Any) -> str:
        assert response.status_code == 302
        exports.run_next()
        page: str = client.get(response.headers["Location"]).content.decode()
        return page

    return work


def test_a_large_download_is_made_by_a_worker_and_then_a_link(client, result, worker):
    response = _asked(client, result, "tsv", "gene=WDR5")
    waiting = client.get(response.headers["Location"]).content.decode()
    assert "Being made" in waiting
    assert client.get(f"{response.headers['Location']}/file").status_code == 404
    ready = worker(response)
    assert f'{response.headers["Location"]}/file"' in ready
    made = b"".join(client.get(f"{response.headers['Location']}/file").streaming_content)
    assert len(made.decode().splitlines()) == 3
    assert _asked(client, result, "tsv", "gene=WDR5").headers["Location"] == response.headers["Location"]


def test_a_worker_that_lost_its_export_changes_nothing(client, result, worker, monkeypatch):
    _asked(client, result, "tsv")
    real = exports.write

    def overtaken(*arguments: Any) -> None:
        real(*arguments)
        Export.objects.update(tries=2)  # its lease ran out, and another has claimed it

    monkeypatch.setattr(exports, "write", overtaken)
    assert exports.run_next()
    assert Export.objects.get().status == ExportStatus.REQUESTED


def test_an_export_that_fails_three_times_says_so(client, result, worker, monkeypatch):
    response = _asked(client, result, "tsv")
    monkeypatch.setattr(exports, "write", lambda *arguments: 1 / 0)
    for _ in range(3):
        assert exports.run_next()
    assert not exports.run_next()
    assert "could not be made" in client.get(response.headers["Location"]).content.decode()


def test_the_sweep_keeps_the_objects_of_exports_and_deletes_those_whose_time_is_up(client, result, worker):
    worker(_asked(client, result, "tsv"))
    made = Export.objects.get()
    assert storage.orphans("results", [made.storage_key]) == []
    exports.sweep()
    assert area("results").size(made.storage_key)
    Export.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    exports.sweep()
    assert not Export.objects.exists()
    assert area("results").size(made.storage_key) is None
    assert storage.orphans("results", [made.storage_key]) == [made.storage_key]


def test_so_many_downloads_at_once_and_no_more(client, result, worker):
    for number in range(exports.MAX_OPEN + 1):
        response = _asked(client, result, "tsv", f"qual_min={number}")
    assert "/explore/?qual_min=" in response.headers["Location"]
    assert Export.objects.count() == exports.MAX_OPEN


def test_a_full_list_of_filters_still_lets_one_be_replaced(client, user, result, monkeypatch):
    monkeypatch.setattr(saving, "MAX_SAVED", 1)
    address = f"/jobs/{result.pk}/explore/filters"
    client.post(address, {"name": "Mine", "query": "gene=RYR1"})
    client.post(address, {"name": "Mine", "query": "gene=TP53"})
    answer = client.post(address, {"name": "Another", "query": "gene=WDR5"}, follow=True)
    assert "as many as there can be" in answer.content.decode()
    assert list(SavedFilter.objects.filter(owner=user).values_list("name", "query")) == [("Mine", "gene=TP53")]


def test_a_filter_is_kept_for_every_job_of_its_owner(client, user, result, make_user):
    client.post(f"/jobs/{result.pk}/explore/filters", {"name": "Mine", "query": "gene=RYR1&sort=-pos&bad=1"})
    kept = SavedFilter.objects.get()
    assert (kept.owner, kept.query) == (user, "gene=RYR1")
    assert (
        '<a href="?" aria-current="true">Mine</a>'
        in client.get(f"/jobs/{result.pk}/explore/?gene=RYR1").content.decode()
    )
    page = client.get(f"/jobs/{result.pk}/explore/?preset=rare_damaging&gene=X&after=WzAsMF0").content.decode()
    assert '<a href="?preset=rare_damaging&amp;gene=RYR1">Mine</a>' in page  # a list of genes narrows a preset down
    foreign = SavedFilter.objects.create(owner=make_user(), name="Theirs", query="impact=HIGH")
    assert client.post(f"/jobs/{result.pk}/explore/filters/{foreign.pk}/delete").status_code == 404
    client.post(f"/jobs/{result.pk}/explore/filters/{kept.pk}/delete")
    assert list(SavedFilter.objects.all()) == [foreign]
