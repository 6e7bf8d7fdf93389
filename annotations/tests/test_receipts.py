"""What the page of a done job says of the records that were skipped, and of what is newer by now."""

from __future__ import annotations

import shutil

import pytest
from django.test import Client
from django.utils import timezone

from annotations import references
from annotations.areas import area
from annotations.genomics.reference.build import BuildInputs, build_reference
from annotations.tests.conftest import VCF
from annotations.tests.test_execution import run
from annotations.tests.test_views import bytes_of, text_of

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
HEAD, RECORD = VCF.split(b"\n", 2)[:2], VCF.split(b"\n")[2]
SKIPPED = [
    b"NC_045512.2\t300\t.\tN\t<NON_REF>\t.\t.\tEND=310",
    b"chr7\t1\t.\tA\tC\t.\t.\t.",
    b"NC_045512.2\t400\t.\tN\t<NON_REF>\t.\t.\tEND=410",
]


@pytest.fixture
def person(make_user):
    return make_user(email_confirmed_at=timezone.now())


@pytest.fixture
def browser(person) -> Client:
    client = Client()
    client.force_login(person)
    client.get("/healthz")
    return client


@pytest.fixture
def done(person, make_job, virus_reference):
    return run(make_job(person, b"\n".join([*HEAD, RECORD, *SKIPPED, RECORD, b""])))


def test_each_skipped_record_is_shown_with_line_reason_and_advice(browser, done):
    page = text_of(browser.get(f"/jobs/{done.pk}/"))
    assert "5 records: 2 annotated, 3 skipped" in page
    assert "2 a gVCF block" in page
    assert "1 the reference has no contig of this name and length &ndash; choose a reference that holds it" in page
    assert "4 NC_045512.2:300 N &lt;NON_REF&gt;" in page
    assert "5 chr7:1 A C" in page
    listed = bytes_of(browser.get(f"/jobs/{done.pk}/download/receipt")).decode().splitlines()
    assert [line.split("\t")[0] for line in listed] == ["#line", "4", "5", "6"]


def test_the_page_stays_when_the_receipt_cannot_be_read(browser, done):
    area("results").delete([done.result.outputs.get(kind="receipt").storage_key])
    page = text_of(browser.get(f"/jobs/{done.pk}/"))
    assert "2 a gVCF block" in page
    assert "chr7:1" not in page


def test_nothing_skipped_shows_no_list(browser, person, make_job, virus_reference):
    done = run(make_job(person))
    assert "The skipped records" not in text_of(browser.get(f"/jobs/{done.pk}/"))


def test_variants_that_one_haplotype_carries_in_one_codon_are_pointed_out(browser, person, make_job, virus_reference):
    head = b"\n".join(HEAD) + b"\tFORMAT\tTUMOUR\n"
    apart = b"NC_045512.2\t%d\t.\t%s\tT\t.\t.\t.\tGT\t%s\n"
    together = run(make_job(person, head + apart % (23402, b"G", b"0|1") + apart % (23403, b"A", b"0|1")))
    for page in ("", "report"):
        text = text_of(browser.get(f"/jobs/{together.pk}/{page}"))
        assert "One pair of variants lies in one codon" in text
        assert "S 614" in text
        assert "NC_045512.2:23402 G&gt;T NC_045512.2:23403 A&gt;T" in text
    other = run(make_job(person, head + apart % (23402, b"G", b"1|0") + apart % (23403, b"A", b"0|1")))
    assert "in one codon" not in text_of(browser.get(f"/jobs/{other.pk}/"))


def test_a_result_stays_and_its_page_offers_what_was_installed_since(browser, done, settings, tmp_path):
    """The reference is built anew, with a source that it had not."""
    address = f"/jobs/{done.pk}/"
    assert "was built anew" not in text_of(browser.get(address))
    digest, before = done.reference_digest, bytes_of(browser.get(f"{address}download/vcf"))
    given = settings.BASE_DIR / "reference"
    (tmp_path / "known.toml").write_text(
        'title = "Known sites"\nversion = "2026-11"\nkind = "exact"\n'
        '[[fields]]\nkey = "KNOWN"\nfrom = "V"\ntype = "Float"\ndescription = "made"\n'
    )
    (tmp_path / "known.vcf").write_bytes(
        HEAD[0] + b'\n##INFO=<ID=V,Number=A,Type=Float,Description="x">\n' + HEAD[1] + b"\n"
        b"NC_045512.2\t241\t.\tC\tT\t.\t.\tV=0.5\n"
    )
    old = settings.REFERENCES_DIR / "virus"
    shutil.copytree(old, tmp_path / "virus")
    inputs = BuildInputs(
        "virus",
        "ASM985889v3",
        [given / "NC_045512.2.fa"],
        [given / "NC_045512.2.gff3"],
        {},
        [(str(tmp_path / "known.toml"), tmp_path / "known.vcf")],
    )
    try:
        build_reference(inputs, settings.REFERENCES_DIR)
        page = text_of(browser.get(address))
        assert "The reference virus was built anew on" in page
        assert "with Known sites 2026-11" in page
        assert "Run again with what is installed now" in page
        done.refresh_from_db()
        assert done.reference_digest == digest
        assert bytes_of(browser.get(f"{address}download/vcf")) == before
    finally:
        shutil.rmtree(old)
        shutil.copytree(tmp_path / "virus", old)


def test_a_reference_that_is_gone_has_nothing_newer(virus_reference):
    assert references.newer_than("gone", "0" * 64, {}) == ""
    assert references.newer_than("virus", "", {}) == ""
