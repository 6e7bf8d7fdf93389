"""Pages of paying: they lead to Stripe and back, and grant nothing themselves."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
import requests
from django.test import Client

from accounts.billing import checkout, client, customers
from accounts.erasure import work as erasures
from accounts.models import BillingAccount, PlanCode, User
from accounts.tests.billing import account_of, buy, customer_of, hear_all, settle
from accounts.tests.people import sign_in_staff
from gas import clock

pytestmark = pytest.mark.django_db


@pytest.fixture
def web(user: User) -> Client:
    signed_in = Client()
    signed_in.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return signed_in


def check_out(web: Client, price: str = "monthly", form_key: str | None = None):
    return web.post("/accounts/billing/checkout/", {"price": price, "form_key": form_key or str(uuid4())})


def test_without_a_key_billing_is_hidden_and_an_admin_sets_the_plan(web):
    page = web.get("/accounts/plan/")
    assert b"Go Premium" not in page.content
    assert b"ask them to change it" in page.content
    for path in ("checkout/", "portal/"):
        assert web.post(f"/accounts/billing/{path}").status_code == 404
    for path in ("paid/", "paid/live/", "returned/"):
        assert web.get(f"/accounts/billing/{path}").status_code == 404


def test_the_plan_page_shows_the_prices_and_asks_stripe_for_them_once(web, double):
    for _ in range(3):
        page = web.get("/accounts/plan/").content.decode()
    assert "19.00 EUR" in page
    assert "190.00 EUR" in page
    assert double.state()["seen"] == ["GET /v1/prices"]


def test_the_whole_way_to_premium_and_back_again(web, user, double):
    answer = check_out(web, "yearly")
    assert answer.status_code == 303
    assert answer["Location"].startswith(double.url)
    back = requests.post(answer["Location"], allow_redirects=False, timeout=5).headers["Location"]
    waiting = web.get(back)
    assert b"Waiting for Stripe" in waiting.content
    assert not User.objects.get(pk=user.pk).is_premium, "the page of success grants nothing"
    assert b"Waiting" in web.get("/accounts/billing/paid/live/").content
    settle()
    assert web.get("/accounts/billing/paid/live/")["HX-Redirect"] == "/accounts/billing/paid/"
    assert web.get(back).status_code == 302
    plan = web.get("/accounts/plan/").content.decode()
    assert "Cards and invoices" in plan
    assert "Go Premium" not in plan
    assert "they come back when you ask for them" in plan
    portal = web.post("/accounts/billing/portal/")
    requests.post(portal["Location"], {"action": "cancel"}, timeout=5)
    assert web.get("/accounts/billing/returned/").status_code == 302
    settle()
    assert "cancelled; Premium until then" in web.get("/accounts/plan/").content.decode()


def test_reloading_the_page_of_success_asks_stripe_once(web, user, double):
    buy(double, user)
    before = len(double.state()["seen"])
    for _ in range(3):
        web.get("/accounts/billing/paid/")
    settle()
    assert double.state()["seen"][before:] == ["GET /v1/subscriptions"]


def test_the_page_of_success_alone_gives_nothing(web, user, double):
    web.get("/accounts/billing/paid/?session=cs_test_invented")
    settle()
    assert not User.objects.get(pk=user.pk).is_premium


def test_a_double_click_is_one_checkout_and_another_price_closes_the_first(web, user, double):
    form_key = str(uuid4())
    first = check_out(web, form_key=form_key)["Location"]
    assert check_out(web, form_key=form_key)["Location"] == first
    assert [one["status"] for one in double.objects("checkout.session")] == ["open"], "the page can still be paid"
    assert check_out(web, "yearly")["Location"] != first
    assert [one["status"] for one in double.objects("checkout.session")] == ["open", "expired"]


def test_who_has_a_subscription_cannot_buy_a_second_one_even_before_the_webhook_came(web, user, double):
    buy(double, user)
    answer = check_out(web)
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/plan/")
    assert len(double.objects("checkout.session")) == 1


@pytest.mark.parametrize("form", [{"price": "lifetime", "form_key": str(uuid4())}, {"price": "monthly"}, {}])
def test_a_price_that_is_not_offered_and_a_bent_form_are_404(web, double, form):
    assert web.post("/accounts/billing/checkout/", form).status_code == 404


@pytest.mark.parametrize("status", [500, 503, 429, 401])
def test_while_stripe_is_away_the_pages_say_try_later(web, user, double, status):
    customer_of(user)
    double.fail("/v1/", times=99, status=status)
    answer = check_out(web)
    assert answer.status_code == 503
    assert answer["Retry-After"] == "60"
    assert b"Nothing was charged" in answer.content
    assert web.post("/accounts/billing/portal/").status_code == 503
    assert b"Prices cannot be shown" in web.get("/accounts/plan/").content


def test_an_answer_of_stripe_that_was_lost_does_not_make_a_second_customer(user, double):
    double.fail("POST /v1/customers$", times=1, status=500, after=True)
    assert customer_of(user) == double.objects("customer")[0]["id"]
    assert len(double.objects("customer")) == 1


def test_a_crash_before_the_customer_was_stored_does_not_make_a_second_one(user, double):
    BillingAccount.objects.create(user=user)
    lost = customers.create_customer(user.pk)
    assert customer_of(user) == lost
    assert len(double.objects("customer")) == 1


def test_the_customer_at_stripe_is_known_by_our_id_and_gets_the_address_of_now(web, user, double):
    check_out(web)
    made = double.objects("customer")[0]
    assert made["metadata"] == {"user": str(user.pk)}
    assert made["email"] == user.email


def test_an_account_that_will_be_deleted_is_sold_nothing(web, user, double):
    erasures.request_erasure(user)
    assert b"Go Premium" not in web.get("/accounts/plan/").content
    assert check_out(web).status_code == 302
    assert double.objects("checkout.session") == []


def test_who_has_premium_from_an_admin_is_not_asked_to_pay(web, user, admin, double):
    from accounts import plans

    plans.override(user.pk, PlanCode.PREMIUM, "a guest", by=admin)
    page = web.get("/accounts/plan/").content.decode()
    assert "there is nothing to pay" in page
    assert "Go Premium" not in page


def test_a_stranger_and_a_get_reach_nothing(double):
    for path in ("checkout/", "portal/"):
        assert Client().post(f"/accounts/billing/{path}").status_code == 302
        assert Client().get(f"/accounts/billing/{path}").status_code == 405
    assert double.state()["seen"] == []


def test_the_failed_payment_is_said_on_the_plan_page(web, user, double):
    subscription = buy(double, user)
    double.card(subscription["customer"], fails=True)
    double.advance(days=31)
    hear_all(double)
    page = web.get("/accounts/plan/").content.decode()
    assert "The last payment failed" in page
    ends_at = account_of(user).grace_ends_at
    assert ends_at is not None
    assert ends_at > clock.database_now()
    assert f"{ends_at:%H:%M} UTC" in page


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_two_first_checkouts_at_once_make_one_customer(user, double):
    from django.db import connections

    def open_one(_):
        try:
            return checkout.open_account(user).customer_id
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        made = set(pool.map(open_one, range(4)))
    assert len(made) == 1
    assert len(double.objects("customer")) == 1


def test_an_admin_sees_accounts_and_events_and_syncs_now(user, admin, double):
    buy(double, user)
    staff = Client()
    sign_in_staff(staff, admin)
    answer = staff.post(
        "/admin/accounts/billingaccount/", {"action": "sync_now", "_selected_action": [str(user.pk)]}, follow=True
    )
    page = answer.content.decode()
    assert "the plan changed" in page
    assert f"{account_of(user).synced_at:%H:%M} UTC" in page
    assert User.objects.get(pk=user.pk).is_premium
    for page_of in (f"/admin/accounts/billingaccount/{user.pk}/change/", f"/admin/accounts/user/{user.pk}/change/"):
        assert b"Sync now with Stripe" in staff.get(page_of).content
        fields = {"action": "sync_now", "_selected_action": [str(user.pk)], "next": page_of}
        answer = staff.post("/admin/accounts/billingaccount/", fields, follow=True)
        assert answer.redirect_chain[-1][0] == page_of
        assert "the plan is as it was" in answer.content.decode()
    assert b"Sync now with Stripe" not in staff.get(f"/admin/accounts/user/{admin.pk}/change/").content
    assert staff.get("/admin/accounts/user/nobody/change/").status_code == 302
    hear_all(double)
    assert b"customer.subscription.created" in staff.get("/admin/accounts/stripeevent/").content
    double.fail("/v1/subscriptions", times=9, status=503)
    answer = staff.post(
        "/admin/accounts/billingaccount/", {"action": "sync_now", "_selected_action": [str(user.pk)]}, follow=True
    )
    assert "the plan stays" in answer.content.decode()
    assert User.objects.get(pk=user.pk).is_premium
    assert client.is_enabled()
