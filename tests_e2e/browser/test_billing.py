"""Upgrade, look after the subscription, downgrade and leave, by hand in a real browser.

Stripe's pages are the double's; the content security policy must let the forms' redirects reach them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect

from tests_e2e import deployments
from tests_e2e.deployments import Templates
from tests_e2e.emulators.loopback import run_module
from tests_e2e.emulators.stripe.app import API_KEY, WEBHOOK_SECRET
from tests_e2e.emulators.stripe.control import StripeControl
from tests_e2e.processes import wait_until
from tests_e2e.service import Deployment
from tests_e2e.visitor import PAGE_SECONDS, PASSWORD, make_users

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.xdist_group("billing_browser")]
PATIENCE = 30_000  # milliseconds


@dataclass
class Customer:
    """A signed-in user's window, and what its pages complained of."""

    page: Page
    email: str
    site: Deployment
    stripe: StripeControl
    complaints: list[str]


@pytest.fixture(scope="module")
def shop(templates: Templates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Deployment, StripeControl]]:
    """A service with billing on; who asks to be deleted has an hour to think again."""
    with run_module("tests_e2e.emulators.stripe") as url:
        settings = {
            "GAS_STRIPE_SECRET_KEY": API_KEY,
            "GAS_STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "GAS_STRIPE_API_BASE": url,
            "GAS_ERASURE_GRACE": "3600",
        }
        with deployments.local(templates, tmp_path_factory.mktemp("shop") / "var", **settings) as site:
            site.start("web", "control", "beat")
            stripe = StripeControl(url)
            stripe.deliver_to(f"{site.url}/accounts/billing/webhook")
            yield site, stripe


@pytest.fixture
def customer(chromium: Browser, shop: tuple[Deployment, StripeControl]) -> Iterator[Customer]:
    site, stripe = shop
    email = make_users(site)[0]
    page = chromium.new_context(base_url=site.url).new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto("/accounts/sign-in/")
    page.fill("[name=username]", email)
    page.fill("[name=password]", PASSWORD)
    page.click("main form button")
    expect(page).to_have_url(f"{site.url}/jobs/")
    yield Customer(page, email, site, stripe, complaints)
    page.context.close()


def test_upgrade_portal_cancel_and_downgrade(customer: Customer) -> None:
    page = customer.page
    page.goto("/accounts/plan/")
    page.get_by_role("button", name="each month").click()
    page.get_by_role("button", name="Pay").click()
    # The page of success waits, and moves on by itself once the payment is confirmed.
    expect(page.get_by_text("You are on the Premium plan. Thank you.")).to_be_visible(timeout=PATIENCE)
    page.get_by_role("button", name="Cards and invoices").click()
    page.locator("button[value=cancel]").click()
    page.get_by_role("link", name="Return").click()
    wait_until(lambda: _says(page, "cancelled; Premium until then"), "the cancellation shows", 60, PAGE_SECONDS)
    customer.stripe.advance(days=32)
    wait_until(lambda: _says(page, "You are on the Free plan"), "the plan is Free again", 60, PAGE_SECONDS)
    expect(page.get_by_role("button", name="each year")).to_be_visible()
    assert customer.complaints == []


def test_deleting_the_account_can_be_taken_back_by_the_mail_and_ends_without_a_trace(customer: Customer) -> None:
    page = customer.page
    page.goto("/accounts/profile/")
    page.get_by_role("link", name="Delete my account").click()
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Delete my account").click()
    expect(page.get_by_role("heading", name="Your account will be deleted")).to_be_visible()
    mails = wait_until(lambda: customer.site.mails_about("/accounts/delete/keep/"), "the mail with the link", 60)
    link = next(word for word in str(mails[-1].get_content()).split() if "/keep/" in word)
    page.goto(link)
    page.get_by_role("button", name="Keep my account").click()
    expect(page.get_by_role("heading", name="Your account stays")).to_be_visible()

    page.goto("/accounts/delete/")
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Delete my account").click()
    expect(page.get_by_role("heading", name="Your account will be deleted")).to_be_visible()
    customer.site.rows("UPDATE accounts_erasure SET due_at = '2020-01-01 00:00:00' RETURNING id")
    gone = f"SELECT 1 FROM accounts_user WHERE email = '{customer.email}'"
    wait_until(lambda: not customer.site.rows(gone), "the account is gone", 60)
    page.goto("/accounts/profile/")
    expect(page).to_have_title("Sign in · GAS")
    wait_until(lambda: not customer.site.mails_about(customer.email), "no mail to them is kept", 60)
    assert customer.complaints == []


def test_the_data_is_packed_and_downloaded(customer: Customer) -> None:
    page = customer.page
    page.goto("/accounts/data/")
    page.get_by_role("button", name="Pack my data").click()
    with page.expect_download(timeout=PATIENCE) as coming:
        page.get_by_role("link", name="Download", exact=True).click(timeout=PATIENCE)
    assert coming.value.suggested_filename.startswith("gas-data-")


def _says(page: Page, text: str) -> bool:
    page.goto("/accounts/plan/")
    return text in page.content()
