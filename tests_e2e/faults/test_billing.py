"""Paying and leaving with real processes (faults 23, 28, 29, 30): the plan ends as Stripe's API says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import requests

from tests_e2e import deployments
from tests_e2e.deployments import Templates
from tests_e2e.emulators.loopback import run_module
from tests_e2e.emulators.stripe.app import API_KEY, WEBHOOK_SECRET
from tests_e2e.emulators.stripe.control import StripeControl
from tests_e2e.inputs import small_vcf
from tests_e2e.processes import wait_until
from tests_e2e.service import Deployment
from tests_e2e.visitor import PASSWORD, Visitor, make_users

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("billing_faults")]


@dataclass(frozen=True)
class Shop:
    """A service that sells Premium, and the Stripe it sells by."""

    site: Deployment
    stripe: StripeControl

    def customer(self) -> tuple[Visitor, str]:
        """A new user, signed in, and their address."""
        email = make_users(self.site)[0]
        visitor = Visitor(self.site.url)
        visitor.sign_in(email)
        return visitor, email

    def buy(self, visitor: Visitor, price: str = "monthly") -> None:
        """The whole way through Stripe's page and back."""
        page = visitor.get("/accounts/plan/").text
        form_key = re.search(r'name="form_key" value="([^"]+)"', page)
        assert form_key, page
        checkout = visitor.post("/accounts/billing/checkout/", price=price, form_key=form_key[1])
        assert "/c/pay/" in checkout.url, f"{checkout.status_code} {checkout.url}"
        back = requests.post(checkout.url, allow_redirects=False, timeout=10).headers["Location"]
        assert visitor.get(back).status_code == 200

    def portal(self, visitor: Visitor, *actions: str) -> None:
        """Press buttons of the portal; do not come back."""
        page = visitor.post("/accounts/billing/portal/").url
        for action in actions:
            requests.post(page, {"action": action}, timeout=10)

    def plan(self, email: str) -> tuple[str, int]:
        """The plan of now, and how often it has changed."""
        ((code, version),) = self.site.rows(
            f"SELECT plan_code, plan_version FROM accounts_user WHERE email = '{email}'"
        )
        return str(code), int(version)

    def wait_for_plan(self, email: str, plan: tuple[str, int]) -> None:
        """Wait until the plan is this one, changed so many times."""
        try:
            wait_until(lambda: self.plan(email) == plan, f"the plan is {plan}", 60)
        except TimeoutError as late:
            raise TimeoutError(f"{late}: {self.plan(email)} {[one.tail() for one in self.site.running]}") from None

    def wait_until_calm(self) -> None:
        """Nothing promised is left to do."""
        wait_until(lambda: not self.site.open_promises(), "all promises are kept", 60)


@pytest.fixture(scope="module")
def shop(templates: Templates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Web, control and beat with billing on; a day to think again lasts a second."""
    with run_module("tests_e2e.emulators.stripe") as url:
        settings = {
            "GAS_STRIPE_SECRET_KEY": API_KEY,
            "GAS_STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "GAS_STRIPE_API_BASE": url,
            "GAS_ERASURE_GRACE": "1",
        }
        with deployments.local(templates, tmp_path_factory.mktemp("shop") / "var", **settings) as site:
            site.start("web", "control", "beat")
            stripe = StripeControl(url)
            stripe.deliver_to(f"{site.url}/accounts/billing/webhook")
            yield Shop(site, stripe)


@pytest.fixture(autouse=True)
def all_well(shop: Shop) -> Iterator[None]:
    """Each test begins and ends with a Stripe that answers and delivers, and with invariants that hold."""
    shop.stripe.heal()
    shop.stripe.release()
    yield
    shop.stripe.heal()
    shop.stripe.release()
    shop.wait_until_calm()
    shop.site.check_invariants()


def test_upgrade_cancel_resume_and_end_by_the_pages_alone(shop: Shop) -> None:
    visitor, email = shop.customer()
    shop.buy(visitor)
    shop.wait_for_plan(email, ("premium", 1))
    shop.portal(visitor, "cancel", "resume", "cancel")
    shop.stripe.advance(days=32)
    shop.wait_for_plan(email, ("free", 2))
    shop.wait_until_calm()
    assert shop.plan(email) == ("free", 2)


def test_webhooks_shuffled_tripled_and_lost_end_as_stripe_says(shop: Shop) -> None:
    visitor, email = shop.customer()
    shop.stripe.hold()
    shop.buy(visitor)
    shop.portal(visitor, "switch:yearly", "cancel", "resume", "switch:monthly")
    shop.stripe.advance(days=35)
    shop.stripe.release(seed=5, shuffle=True, copies=3, drop=2)
    shop.wait_for_plan(email, ("premium", 1))
    shop.wait_until_calm()
    told = [one["status"] for one in shop.stripe.state()["deliveries"]]
    assert set(told) == {200}


def test_webhooks_that_all_get_lost_are_made_good_within_a_day(shop: Shop) -> None:
    visitor, email = shop.customer()
    shop.buy(visitor)
    shop.wait_for_plan(email, ("premium", 1))
    shop.wait_until_calm()
    shop.stripe.hold()
    shop.portal(visitor, "cancel")
    shop.stripe.advance(days=32)
    shop.stripe.release(drop=1000)
    assert shop.plan(email) == ("premium", 1)
    shop.site.rows("UPDATE accounts_billingaccount SET synced_at = '2020-01-01 00:00:00' RETURNING sync_version")
    shop.wait_for_plan(email, ("free", 2))


def test_upgrade_downgrade_upgrade_at_once_ends_as_stripe_says(shop: Shop) -> None:
    visitor, email = shop.customer()
    shop.stripe.hold()
    shop.buy(visitor)
    shop.wait_for_plan(email, ("premium", 1))
    shop.portal(visitor, "cancel")
    shop.stripe.advance(days=32)
    visitor.get("/accounts/billing/returned/")
    shop.wait_for_plan(email, ("free", 2))
    shop.buy(visitor, "yearly")
    shop.stripe.release(seed=1, shuffle=True, copies=2)
    shop.wait_for_plan(email, ("premium", 3))
    shop.wait_until_calm()
    assert shop.plan(email) == ("premium", 3)


def test_while_stripe_is_down_pages_say_try_later_and_nobody_loses_a_plan(shop: Shop) -> None:
    visitor, email = shop.customer()
    shop.buy(visitor)
    shop.wait_for_plan(email, ("premium", 1))
    shop.stripe.fail("/v1/", times=10_000, status=503)
    shop.site.rows("UPDATE accounts_billingaccount SET synced_at = '2020-01-01 00:00:00' RETURNING sync_version")
    wait_until(
        lambda: shop.site.rows("SELECT 1 FROM accounts_billingaccount WHERE sync_error <> ''"), "a sync failed", 60
    )
    assert visitor.post("/accounts/billing/portal/").status_code == 503
    assert visitor.get("/accounts/plan/").status_code == 200
    assert shop.plan(email) == ("premium", 1)


@pytest.mark.parametrize("fault", ["billing_read", "billing_before_commit"])
def test_a_control_worker_killed_in_a_sync_changes_the_plan_once(shop: Shop, fault: str) -> None:
    control = next(program for program in shop.site.running if program.name == "control")
    shop.site.stop(control)
    doomed = shop.site.start_one("control", GAS_FAULT=f"{fault}:1")
    visitor, email = shop.customer()
    shop.buy(visitor)
    wait_until((shop.site.folder / "faults" / fault).exists, "the worker came to the point", 60)
    shop.site.end_promise_leases()
    shop.wait_for_plan(email, ("premium", 1))
    shop.site.stop(doomed)
    shop.site.start_one("control")
    shop.wait_until_calm()
    assert shop.plan(email) == ("premium", 1)


def test_a_web_process_killed_with_the_event_stored_tells_it_all_the_same(shop: Shop) -> None:
    visitor, email = shop.customer()
    shop.stripe.hold()
    shop.buy(visitor)
    shop.wait_until_calm()
    shop.portal(visitor, "cancel")
    shop.stripe.advance(days=32)
    web = next(program for program in shop.site.running if program.name == "web")
    shop.site.stop(web)
    shop.site.start_one("web", GAS_FAULT="billing_event_stored:1")
    shop.stripe.release()
    shop.wait_for_plan(email, ("free", 2))
    assert (shop.site.folder / "faults" / "billing_event_stored").exists()


def test_an_account_deleted_during_upload_run_and_checkout_leaves_nothing(shop: Shop) -> None:
    visitor, email = shop.customer()
    shop.buy(visitor)
    shop.wait_for_plan(email, ("premium", 1))
    bought = shop.stripe.objects("subscription")[0]
    assert bought["status"] == "active"
    annotate = shop.site.start_one("annotate")
    visitor.upload(small_vcf())
    visitor.annotate(small_vcf())
    shop.site.hold_annotator()
    assert visitor.post("/accounts/delete/", password=PASSWORD).status_code == 200
    wait_until(
        lambda: not shop.site.rows(f"SELECT 1 FROM accounts_user WHERE email = '{email}'"),
        "the account is gone",
        90,
    )
    wait_until(lambda: shop.site.annotators() == [], "the annotator of the deleted job is stopped", 60)
    shop.site.stop(annotate)
    (ended,) = shop.stripe.objects("subscription", id=bought["id"])
    assert ended["status"] == "canceled"
    assert shop.stripe.objects("customer", id=bought["customer"]) == []
    assert [file for file in (shop.site.folder / "storage").rglob("*") if file.is_file()] == []
    assert not shop.site.mails_about(email)
    assert "sign-in" in visitor.get("/accounts/profile/").url
