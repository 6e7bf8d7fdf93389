from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from django.test import Client

from annotations.comparison import saving
from annotations.comparison.tests.test_comparison import _page
from annotations.explorer.tests.made import allele, table, transcript
from annotations.models import Result

pytestmark = pytest.mark.django_db
INTRON = transcript("intron_variant", "WDR5")


@pytest.fixture
def pair(user, make_result) -> tuple[Result, Result]:
    before = [allele("chr1", 100, "A", "G", INTRON, filter="=1+1", kgp_af=0.25)]
    after = [
        allele("chr1", 100, "A", "G", INTRON, filter="PASS", kgp_af=0.5),
        allele("chrM", 600, "C", "T", INTRON),
    ]
    return make_result(user, table(before)), make_result(user, table(after))


def _file(client: Client, pair: tuple[Result, Result], rest: str = "") -> Any:
    return client.get(f"/jobs/{pair[0].pk}/compare/file?with={pair[1].pk}{rest}")


def test_a_worksheet_of_differences_holds_numbers_and_texts_and_no_formula(client, pair):
    assert "format=xlsx" in _page(client, pair)
    answer = _file(client, pair, "&format=xlsx")
    assert answer.headers["Content-Disposition"].endswith('.compared.xlsx"')
    sheet = zipfile.ZipFile(io.BytesIO(b"".join(answer))).read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    assert "<t>=1+1</t>" in sheet
    assert "<v>0.25</v>" in sheet
    assert sheet.count("<row ") == 3
    filtered = b"".join(_file(client, pair, "&format=xlsx&kind=right"))
    assert zipfile.ZipFile(io.BytesIO(filtered)).read("xl/worksheets/sheet1.xml").count(b"<row ") == 2


def test_no_cell_of_the_tsv_is_a_formula(client, pair):
    head, changed, _ = (line.split("\t") for line in b"".join(_file(client, pair)).decode().splitlines())
    row = dict(zip(head, changed, strict=True))
    assert (row["this_filter"], row["other_filter"], row["this_kgp_af"]) == ("'=1+1", "PASS", "0.25")


def test_a_worksheet_of_too_many_is_refused_with_a_sentence(client, pair, monkeypatch):
    monkeypatch.setattr(saving, "SHEET_AT_MOST", 1)
    answer = _file(client, pair, "&format=xlsx")
    assert answer.status_code == 302
    page = client.get(answer.headers["Location"]).content.decode()
    assert "A worksheet is made of up to 1 differences." in page
    assert "As XLSX" not in page
    assert _file(client, pair, "&format=xlsx&kind=right").status_code == 200


def test_a_kind_of_file_that_is_not_made_is_named(client, pair):
    answer = _file(client, pair, "&format=exe")
    assert "There is no kind of file like that." in client.get(answer.headers["Location"]).content.decode()
