"""The plan follows what Stripe's API says, whatever arrives in whatever order."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
import stripe

from accounts import plans
from accounts.billing import client, sweep, sync
from accounts.models import BillingAccount, PlanCode, StripeEvent, User
from accounts.tests.billing import account_of, broken, buy, hear_all, press, says_stripe, send, settle
from gas import clock, outbox
from gas.models import OutboxMessage
from tests_e2e.emulators.stripe.control import StripeControl

pytestmark = pytest.mark.django_db


def plan_of(user: User) -> str:
    return User.objects.get(pk=user.pk).plan_code


def test_paying_makes_premium_once_the_event_is_heard_and_not_before(user, double):
    buy(double, user)
    assert plan_of(user) == PlanCode.FREE
    hear_all(double)
    assert plan_of(user) == PlanCode.PREMIUM
    assert account_of(user).price_key == "monthly"
    assert OutboxMessage.objects.filter(kind="plan_changed").count() == 1


def test_a_cancelled_subscription_is_premium_until_stripe_ends_it(user, double):
    buy(double, user)
    hear_all(double)
    press(double, user, "cancel")
    hear_all(double)
    assert plan_of(user) == PlanCode.PREMIUM
    assert account_of(user).ends_at == account_of(user).period_ends_at
    press(double, user, "resume")
    hear_all(double)
    assert account_of(user).ends_at is None
    press(double, user, "cancel")
    double.advance(days=32)
    hear_all(double)
    assert plan_of(user) == PlanCode.FREE


def test_a_failed_payment_is_premium_for_seven_days_with_mails(user, double, mailoutbox):
    subscription = buy(double, user)
    hear_all(double)
    double.card(subscription["customer"], fails=True)
    double.advance(days=31)
    hear_all(double)
    assert plan_of(user) == PlanCode.PREMIUM
    assert [mail.subject for mail in mailoutbox] == ["A payment for GAS Premium failed"]
    begin_past_due(user, days=5.5)
    for _ in range(2):
        sweep.sweep()
        settle()
    assert plan_of(user) == PlanCode.PREMIUM
    assert mailoutbox[1].subject == "GAS Premium ends soon: a payment is missing"
    begin_past_due(user, days=7.01)
    for _ in range(2):
        sweep.sweep()
        settle()
    assert plan_of(user) == PlanCode.FREE
    assert mailoutbox[-1].subject == "GAS Premium has ended"
    assert len(mailoutbox) == 3
    assert not broken()


def test_no_reminder_follows_the_end_of_the_grace_however_long_an_admins_decision_keeps_the_plan(
    user, double, mailoutbox
):
    subscription = buy(double, user)
    hear_all(double)
    double.card(subscription["customer"], fails=True)
    double.advance(days=31)
    hear_all(double)
    User.objects.filter(pk=user.pk).update(plan_override="premium", plan_override_reason="pilot project")
    begin_past_due(user, days=40)
    sweep.sweep()
    settle()
    assert plan_of(user) == PlanCode.PREMIUM
    assert [mail.subject for mail in mailoutbox] == ["A payment for GAS Premium failed"]


def test_when_stripe_gives_up_before_the_grace_is_over_the_user_is_told(user, double, mailoutbox):
    subscription = buy(double, user)
    hear_all(double)
    double.card(subscription["customer"], fails=True)
    double.advance(days=31)
    hear_all(double)
    double.advance(days=30)
    for _ in range(2):
        hear_all(double)
        sweep.sweep()
        settle()
    assert plan_of(user) == PlanCode.FREE
    assert [mail.subject for mail in mailoutbox] == ["A payment for GAS Premium failed", "GAS Premium has ended"]


def begin_past_due(user: User, days: float) -> None:
    since = clock.database_now() - timedelta(days=days)
    BillingAccount.objects.filter(pk=user.pk).update(past_due_since=since)


def test_a_payment_that_arrives_in_the_grace_ends_it(user, double):
    subscription = buy(double, user)
    double.card(subscription["customer"], fails=True)
    double.advance(days=31)
    hear_all(double)
    assert account_of(user).past_due_since is not None
    double.card(subscription["customer"], fails=False)
    press(double, user, "pay")
    hear_all(double)
    assert account_of(user).past_due_since is None
    assert plan_of(user) == PlanCode.PREMIUM


def test_the_grace_begins_when_the_failure_was_seen_first_and_does_not_begin_again(user, double):
    subscription = buy(double, user)
    double.card(subscription["customer"], fails=True)
    double.advance(days=31)
    sync.sync(user.pk)
    first = account_of(user).past_due_since
    sync.sync(user.pk)
    assert account_of(user).past_due_since == first


@pytest.mark.parametrize("status", [500, 503, 429, 401])
def test_an_error_of_stripe_is_never_a_downgrade(user, double, status):
    buy(double, user)
    hear_all(double)
    press(double, user, "switch", "yearly")
    double.fail("GET /v1/subscriptions", times=9, status=status)
    for told in double.take():
        assert send(told) == 200
    outbox.sweep()
    assert plan_of(user) == PlanCode.PREMIUM
    assert account_of(user).sync_error
    assert StripeEvent.objects.filter(processed_at=None).exclude(error="").exists()
    double.heal()
    OutboxMessage.objects.filter(kind="billing.event").update(due_at=clock.database_now())
    outbox.sweep()
    assert not StripeEvent.objects.filter(processed_at=None).exists()
    assert account_of(user).price_key == "yearly"
    assert account_of(user).sync_error == ""


def test_another_stripe_account_s_key_is_an_error_and_not_a_downgrade(user, double):
    buy(double, user)
    hear_all(double)
    BillingAccount.objects.filter(pk=user.pk).update(customer_id="cus_of_another_account")
    with pytest.raises(stripe.InvalidRequestError):
        sync.sync(user.pk)
    assert plan_of(user) == PlanCode.PREMIUM


def test_a_customer_deleted_at_stripe_has_no_subscription(user, double):
    buy(double, user)
    hear_all(double)
    client.client().v1.customers.delete(account_of(user).customer_id)
    hear_all(double)
    assert plan_of(user) == PlanCode.FREE


def test_who_reads_and_is_outrun_reads_again(user, double, monkeypatch):
    """Between the reading and the storing another sync stores something newer: the older one loses."""
    buy(double, user)
    outran: list[int] = []

    def read_slowly(customer_id, real=client.subscriptions_of):
        found = real(customer_id)
        if not outran:
            outran.append(1)
            press(double, user, "switch", "yearly")
            sync.sync(user.pk)
            assert account_of(user).price_key == "yearly"
        return found

    monkeypatch.setattr(sync, "subscriptions_of", read_slowly)
    sync.sync(user.pk)
    assert account_of(user).price_key == "yearly"
    assert account_of(user).sync_version >= 2


def test_lost_webhooks_are_made_good_by_the_nightly_reading(user, double):
    buy(double, user)
    double.take()
    sweep.sweep()
    assert plan_of(user) == PlanCode.FREE, "it was read at the checkout, less than a day ago"
    BillingAccount.objects.update(synced_at=clock.database_now() - timedelta(hours=25))
    sweep.sweep()
    assert plan_of(user) == PlanCode.PREMIUM


def test_the_reconcile_stops_when_stripe_is_away_and_goes_on_past_one_bad_customer(make_user, double):
    good, bad = make_user(), make_user()
    buy(double, good)
    buy(double, bad)
    BillingAccount.objects.filter(pk=bad.pk).update(customer_id="cus_gone")
    BillingAccount.objects.update(synced_at=None)
    sweep.sweep()
    assert plan_of(good) == PlanCode.PREMIUM
    assert account_of(bad).sync_failed_at
    BillingAccount.objects.update(synced_at=None, sync_failed_at=None)
    double.fail("/v1/subscriptions", times=99, status=429)
    before = len(double.state()["seen"])
    sweep.sweep()
    assert len(set(double.state()["seen"][before:])) == 1
    assert plan_of(good) == PlanCode.PREMIUM


def test_an_admin_s_decision_goes_before_billing_and_then_billing_counts_again(user, admin, double):
    buy(double, user)
    hear_all(double)
    plans.override(user.pk, PlanCode.FREE, "abuse", by=admin, until=clock.database_now() + timedelta(hours=1))
    press(double, user, "switch", "yearly")
    hear_all(double)
    assert plan_of(user) == PlanCode.FREE
    plans.override(user.pk, "", "settled", by=admin)
    assert plan_of(user) == PlanCode.PREMIUM


def test_two_subscriptions_are_shown_to_the_admin_and_one_that_pays_is_enough(user, double):
    subscription = buy(double, user)
    api = client.client().v1
    price = api.prices.list({"lookup_keys": ["yearly"]}).data[0]
    api.subscriptions.create({"customer": subscription["customer"], "items": [{"price": price.id}]})
    sync.sync(user.pk)
    assert account_of(user).live_subscriptions == 2
    api.subscriptions.cancel(subscription["id"])
    sync.sync(user.pk)
    assert plan_of(user) == PlanCode.PREMIUM
    assert account_of(user).live_subscriptions == 1


ACTIONS = ("buy", "cancel", "resume", "switch", "fail", "pay", "month", "end")


def live(double: StripeControl, user: User, action: str, chance: random.Random) -> None:
    """One thing that happens in a customer's life; what makes no sense at that moment is left out."""
    customer = account_of(user).customer_id if BillingAccount.objects.filter(pk=user.pk).exists() else ""
    running = [one for one in double.objects("subscription", customer=customer) if one["status"] != "canceled"]
    if action == "buy":
        if not running:
            if customer:
                double.card(customer, fails=False)
            buy(double, user, chance.choice(("monthly", "yearly")))
    elif not running:
        return
    elif action == "fail":
        double.card(customer, fails=True)
        double.advance(days=32)
    elif action == "pay":
        double.card(customer, fails=False)
        press(double, user, "pay")
    elif action == "month":
        double.advance(days=32)
    elif action == "end":
        client.client().v1.subscriptions.cancel(running[0]["id"])
    else:
        press(double, user, action, "yearly" if action == "switch" else "")


@pytest.mark.parametrize("seed", range(40))
def test_a_shuffled_and_tripled_history_ends_as_stripe_says(user, double, seed, plan_changes_are_heard):
    chance = random.Random(seed)
    live(double, user, "buy", chance)
    for _ in range(chance.randrange(4, 8)):
        live(double, user, chance.choice(ACTIONS), chance)
        if chance.random() < 0.4:
            hear_all(double, seed=seed, shuffle=True, copies=3)
    hear_all(double, seed=seed, shuffle=True, copies=3)
    now = User.objects.get(pk=user.pk)
    assert now.is_premium == says_stripe(user)
    assert len(plan_changes_are_heard) == len(set(plan_changes_are_heard)) == now.plan_version
    assert now.plan_version % 2 == now.is_premium, "each change is one, from one plan to the other"
    assert not broken()
