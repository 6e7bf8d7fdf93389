"""From a bar of a plot to the variant and its place on the genome, and nothing asked of anybody else."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests_e2e.browser.conftest import Screen
from tests_e2e.browser.test_main_job import WAIT_MS, send, sign_in
from tests_e2e.inputs import SAMPLE

pytestmark = [pytest.mark.browser, pytest.mark.e2e, pytest.mark.xdist_group("browser")]


def test_from_a_bar_to_the_variant_and_its_place_on_the_genome(screen: Screen) -> None:
    page, asked = screen.page, list[str]()
    page.on("request", lambda request: asked.append(request.url))
    sign_in(screen)
    send(screen, SAMPLE.name, SAMPLE.read_bytes())
    expect(page.locator("#status")).to_have_text("Done", timeout=WAIT_MS)

    # A bar leads to its variants, a variant to its page.
    page.locator("#plot-consequences a", has_text="frameshift variant").first.click()
    expect(page).to_have_url(re.compile(r"/explore/\?consequence=frameshift_variant"))
    page.locator("a.place").first.click()
    expect(page).to_have_url(re.compile(r"/variants/\d+/"))
    expect(page.locator("h1")).to_contain_text("MUC16")
    expect(page.locator(".transcripts .strip").first).to_be_visible()
    expect(page.locator("#protein circle.chosen")).to_be_visible()

    # A name is copied.
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("[data-copy]").nth(2).click()
    expect(page.locator("#copied")).to_contain_text("ENSP00000518832:p.Ala3215ValfsTer111")
    assert page.evaluate("() => navigator.clipboard.readText()") == "ENSP00000518832:p.Ala3215ValfsTer111"

    # The genome browser comes when it is asked for, and reads sequence, genes and variants by parts.
    assert not [address for address in asked if "igv" in address]
    with (
        page.expect_response(re.compile(r"/genome/vcf$")) as variants,
        page.expect_response(re.compile(r"/references/demo/genes\.json\?")) as genes,
        page.expect_response(lambda response: response.url.endswith("/sequence.fa") and response.status == 206),
    ):
        page.get_by_role("button", name="Show here").click()
    assert variants.value.status == 206
    assert "MUC16" in {gene["name"] for gene in genes.value.json()}
    expect(page.locator("[data-igv][data-ready]")).to_be_visible(timeout=WAIT_MS)

    # Where storage is S3, the browser sends the file there.
    ours = (screen.service.url, "data:", "blob:", screen.service.environment.get("GAS_S3_ORIGIN") or "data:")
    assert [address for address in asked if not address.startswith(ours)] == []
