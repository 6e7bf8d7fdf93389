"""The table of variants in a real browser: look, filter, open a row, keep, star, download; and through a share."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests_e2e.browser.conftest import Screen
from tests_e2e.browser.test_main_job import WAIT_MS, send, sign_in
from tests_e2e.inputs import SAMPLE

pytestmark = [pytest.mark.browser, pytest.mark.e2e, pytest.mark.xdist_group("browser")]


def test_from_all_variants_to_the_few_that_matter(screen: Screen, tmp_path: Path) -> None:
    page = screen.page
    sign_in(screen)
    send(screen, SAMPLE.name, SAMPLE.read_bytes())
    page.get_by_role("link", name="Look at the variants").click(timeout=WAIT_MS)
    expect(page.locator(".found b")).to_have_text("823", timeout=WAIT_MS)  # prepared by itself, if it was not yet
    page.locator(".facet input[value=HIGH]").check()  # the counts beside the filters have come
    page.get_by_role("button", name="Apply").first.click()
    expect(page).to_have_url(re.compile(r"\?impact=HIGH$"))  # what was left empty is not in it
    number = int(page.locator(".found b").inner_text())
    assert 0 < number < 50
    expect(page.locator("table.variants > tbody")).to_have_count(number)
    row = page.locator("table.variants > tbody").first
    row.get_by_role("button", name="transcript").click()
    expect(row.locator("tr.detail .tag").first).to_have_text("picked")
    row.get_by_role("button", name="transcript").click()
    expect(row.locator("tr.detail")).to_be_hidden()
    page.locator("summary", has_text="Download").click()
    with page.expect_download() as downloading:
        page.get_by_role("button", name="VCF").click()
    file = tmp_path / "few.vcf.gz"
    downloading.value.save_as(file)
    with gzip.open(file, "rt") as lines:
        records = [line for line in lines if not line.startswith("#")]
    assert 0 < len(records) <= number
    page.locator(".menus summary", has_text="Kept filters").click()  # which closes the other menu
    page.get_by_label("Keep this filter as").fill("Grave")
    page.get_by_role("button", name="Keep it").click()
    page.get_by_role("link", name="All variants").click()
    page.get_by_role("link", name="Grave").click()
    expect(page.locator(".found b")).to_have_text(str(number))
    columns = page.locator("summary", has_text="Columns")
    columns.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    expect(page.locator("details.menu[open]")).to_have_count(0)
    expect(columns).to_be_focused()
    page.locator("a.place").first.press("Enter")
    expect(page).to_have_url(re.compile("/variants/"))
    page.go_back()
    expect(page.locator("a.place").first).to_be_focused()
    page.evaluate("document.body.dataset.same = 'yes'")
    page.locator(".star button").first.click()
    expect(page.locator(".star button").first).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("document.body.dataset.same") == "yes"  # the page was not loaded anew
    page.goto(page.url.partition("?")[0] + "?starred=on")
    expect(page.locator("table.variants > tbody")).to_have_count(1)
    # A panel of genes as it is pasted, longer than an address could hold.
    page.goto(page.url.partition("?")[0])
    genes = page.get_by_label("Genes")
    genes.fill(", ".join(f"PANEL{number}" for number in range(700)) + ";; , MUC16")
    page.get_by_role("button", name="Apply").first.click()
    expect(page.locator(".found b")).to_have_text("3")
    expect(genes).to_have_value(re.compile("^PANEL0 PANEL1 .* MUC16$"))


def test_a_result_is_seen_through_a_link_by_a_browser_that_is_not_signed_in_until_it_is_revoked(screen: Screen) -> None:
    page = screen.page
    sign_in(screen)
    send(screen, SAMPLE.name, SAMPLE.read_bytes())
    expect(page.locator("#status")).to_have_text("Done", timeout=WAIT_MS)
    job = page.url
    page.get_by_text("Share by a link").click()
    page.get_by_role("button", name="Make a link").click()
    link = page.locator("#link").inner_text()
    elsewhere = page.context.browser.new_context(locale="en-GB")  # type: ignore[union-attr]
    reader = elsewhere.new_page()
    reader.goto(link)
    expect(reader).to_have_url(job)
    expect(reader.get_by_text("shares this result with you")).to_be_visible()
    reader.get_by_role("link", name="Look at the variants").click()
    expect(reader.locator("table.variants tbody")).not_to_have_count(0)
    expect(reader.locator(".star")).to_have_count(0)
    page.goto(job)
    expect(page.locator("#sharing")).to_contain_text("Opened 1 time")
    page.get_by_role("button", name="Revoke").click()
    expect(page.locator("#sharing")).to_contain_text("Revoked")
    for address in (reader.url, link):
        reader.goto(address)
        expect(reader.locator("main")).to_contain_text("was revoked")
    elsewhere.close()
