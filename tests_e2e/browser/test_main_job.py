"""The main job in a real browser: sign up, confirm, drop a file, watch, download, read."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from uuid import uuid4

import pysam
import pytest
from playwright.sync_api import Locator, expect

from annotations.genomics.tests.made import pack_bgzf, vcf_text
from tests_e2e.browser.conftest import Screen
from tests_e2e.inputs import SAMPLE, sample_records, small_vcf
from tests_e2e.visitor import PASSWORD, SET_PLAN, make_users

pytestmark = [pytest.mark.browser, pytest.mark.e2e, pytest.mark.xdist_group("browser")]

WAIT_MS = 90_000


def sign_up(screen: Screen) -> str:
    """Make an account by the form and the mail's link; return the address."""
    page, address = screen.page, f"eve-{uuid4().hex[:8]}@example.org"
    screen.open("/")
    screen.open("/accounts/sign-up/")
    page.get_by_label("Name").fill("Eve Example")
    page.get_by_label("E-mail").fill(address)
    page.get_by_label("Password").fill(PASSWORD)
    for words in ("I agree", "I consent"):
        page.get_by_label(re.compile(words)).check()
    page.get_by_role("button", name="Make the account").click()
    expect(page).to_have_url(re.compile("/sign-up/done/"))
    link = re.search(r"https?://\S+/accounts/confirm/\S+", screen.mail_to(address))
    assert link
    page.goto(link.group())
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("main form button, form.box button").first.click()
    expect(page).to_have_url(re.compile("/jobs/new"))
    return address


def sign_in(screen: Screen, plan: str = "free") -> None:
    """Sign in as a new user of this plan."""
    (address,) = make_users(screen.service)
    if plan != "free":
        screen.service.run_code(SET_PLAN.format(email=address, plan=plan))
    screen.open("/accounts/sign-in/")
    screen.page.get_by_label("E-mail").fill(address)
    screen.page.get_by_label("Password").fill(PASSWORD)
    screen.page.locator("form.box button").first.click()
    expect(screen.page).to_have_url(re.compile("/jobs/"))


def send(screen: Screen, name: str, content: bytes) -> None:
    """Choose a file, send it, see that it can be annotated, and annotate it."""
    upload(screen, name, content)
    expect(screen.page.locator("#verdict")).to_contain_text("can be annotated with demo")
    screen.page.locator("#go").click()
    expect(screen.page).to_have_url(re.compile(r"/jobs/[0-9a-f-]{36}/"), timeout=WAIT_MS)


def upload(screen: Screen, name: str, content: bytes) -> None:
    """Choose a file on the submit page and send it."""
    screen.open("/jobs/new")
    choose(screen, name, content)
    screen.page.locator("#go").click()
    expect(screen.page).to_have_url(re.compile(r"/uploads/[0-9a-f-]{36}/"), timeout=WAIT_MS)


def choose(screen: Screen, name: str, content: bytes) -> None:
    """Pick a file on the page that is open."""
    screen.page.locator("#file").set_input_files({"name": name, "mimeType": "text/plain", "buffer": content})


def test_from_sign_up_to_the_downloaded_result(screen: Screen, tmp_path: Path) -> None:
    sign_up(screen)
    send(screen, SAMPLE.name, SAMPLE.read_bytes())
    # The page finds out by itself: it is not loaded again by the test.
    expect(screen.page.locator("#status")).to_have_text("Done", timeout=WAIT_MS)
    with screen.page.expect_download() as downloading:
        screen.page.locator("a[href$='download/vcf']").first.click()
    file = tmp_path / "out.vcf.gz"
    downloading.value.save_as(file)
    assert downloading.value.suggested_filename.endswith(".vcf.gz")
    with gzip.open(SAMPLE, "rt") as lines:
        expected = [line.split("\t")[:5] for line in lines if not line.startswith("#")]
    with pysam.VariantFile(str(file)) as annotated:
        found = list(annotated)
    assert len(found) == sample_records()
    assert [[r.chrom, str(r.pos), r.id or ".", r.ref, ",".join(r.alts or ())] for r in found] == expected
    assert all(record.info["CSQ"] for record in found[:50])


def test_markup_in_a_file_name_stays_text(screen: Screen) -> None:
    sign_in(screen)
    name = "<img src=x onerror=alert(1)>.vcf"
    send(screen, name, small_vcf(3))
    expect(screen.page.locator("#status")).to_have_text("Done", timeout=WAIT_MS)
    expect(screen.page.locator("h1")).to_contain_text("<img src=x")
    screen.open("/jobs/")
    expect(screen.page.get_by_text("<img src=x").first).to_be_visible()


def test_a_file_is_described_before_it_is_sent_and_judged_before_it_is_queued(screen: Screen) -> None:
    """The beginning is read in the browser, whatever it is packed with; the whole by the service."""
    sign_in(screen)
    screen.open("/jobs/new")
    facts, error = screen.page.locator("#file-facts"), screen.page.locator("#upload-error")
    text = small_vcf(300).replace(b"\n", b"\n##assembly=GRCh38\n", 1)
    cut = text.index(b"#CHROM") + 3
    packed = {
        "plain text": text,
        "gzip": gzip.compress(text[:cut]) + gzip.compress(text[cut:]),
        "BGZF": pack_bgzf(text, 300),
    }
    for kind, content in packed.items():
        choose(screen, "patient.vcf", content)
        expect(facts).to_contain_text(f"VCF 4.2, {kind}, 2 samples, header names GRCh38")
        expect(error).to_be_hidden()
    for content, words in (
        (b"PK\x03\x04xxx", "a ZIP archive"),
        (pack_bgzf(b"BAM\x01xxx"), "a BAM file"),
        (b"", "empty"),
    ):
        choose(screen, "patient.vcf.gz", content)
        expect(error).to_contain_text(words)
    choose(screen, "large.vcf", bytes(26_000_000))
    expect(error).to_contain_text("the Free plan allows 25")
    upload(screen, "notes.vcf", b"These are my notes.\n" * 10)
    expect(screen.page.locator("#verdict")).to_contain_text("does not begin with ##fileformat")
    expect(screen.page.locator("#go")).to_have_count(0)


def add_source(screen: Screen, key: str, name: str, content: bytes, status: str) -> Locator:
    """Add a source on its page and wait, without a reload, until its check has ended with this; its row."""
    choose(screen, name, content)
    screen.page.locator("#id_key").fill(key)
    screen.page.locator("#go").click()
    row = screen.page.locator("#source-rows tr").filter(has_text=key)
    expect(row.locator(".mark")).to_have_text(status, timeout=WAIT_MS)
    return row


@pytest.mark.parametrize("served", ["local"], indirect=True)
def test_sources_of_ones_own_are_added_checked_quoted_and_deleted(screen: Screen) -> None:
    sign_in(screen, "premium")
    lines = [line.split("\t")[:5] for line in small_vcf(5).decode().split("\n") if line.startswith("chr19")]
    place = next(line for line in lines if len(line[3]) == len(line[4]) == 1)
    region = f"chr19\t{int(place[1]) - 1}\t{place[1]}\thotspot\n"
    known = vcf_text(
        ["\t".join([*place, ".", ".", "CLASS=5"])],
        header=['##INFO=<ID=CLASS,Number=A,Type=Integer,Description="Our classification">'],
    )
    screen.open("/sources/")
    expect(add_source(screen, "LABBED", "regions.bed", region.encode(), "Ready")).to_contain_text("1 region")
    expect(add_source(screen, "LABVCF", "known.vcf", known.encode(), "Ready")).to_contain_text("1 allele")
    broken = region + "chr19\tnowhere\t9\tx\n"
    refused = add_source(screen, "LABBAD", "bad.bed", broken.encode(), "Refused")
    expect(refused).to_contain_text("Line 2 is neither of a VCF nor of a BED file")

    upload(screen, "patient.vcf", small_vcf(5))
    screen.page.get_by_text("Sources: what is known of the variants").click()
    expect(screen.page.get_by_label(re.compile("LABBAD"))).to_have_count(0)
    for key in ("LABBED", "LABVCF"):
        screen.page.get_by_label(re.compile(key)).check()
    screen.page.locator("#go").click()
    expect(screen.page.locator("#status")).to_have_text("Done", timeout=WAIT_MS)
    result = gzip.decompress(screen.page.request.get(screen.page.url + "download/vcf").body()).decode()
    (line,) = [line for line in result.split("\n") if line.startswith("\t".join(place))]
    assert {"LABBED=hotspot", "LABVCF_CLASS=5"} <= set(line.split("\t")[7].split(";"))

    screen.open("/sources/")
    row = screen.page.locator("#source-rows tr").filter(has_text="LABBED")
    row.get_by_text("Delete", exact=True).click()
    row.get_by_role("button", name="Delete LABBED").click()
    expect(screen.page.locator("#source-rows tr")).to_have_count(2)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("path", ["/", "/accounts/sign-in/", "/accounts/sign-up/", "/jobs/", "/jobs/new"])
def test_no_page_is_wider_than_the_window(screen: Screen, path: str, width: int) -> None:
    if path.startswith("/jobs"):
        sign_in(screen)
    screen.page.set_viewport_size({"width": width, "height": 900})
    screen.open(path)
    assert screen.page.evaluate("() => document.documentElement.scrollWidth") <= width


def test_the_page_of_a_finished_job_fits_a_phone(screen: Screen) -> None:
    sign_in(screen)
    screen.page.set_viewport_size({"width": 390, "height": 900})
    send(screen, SAMPLE.name, SAMPLE.read_bytes())  # has consequences with long names
    expect(screen.page.locator("#status")).to_have_text("Done", timeout=WAIT_MS)
    expect(screen.page.locator("#plot-consequences svg")).to_be_visible()
    assert screen.page.evaluate("() => document.documentElement.scrollWidth") <= 390
