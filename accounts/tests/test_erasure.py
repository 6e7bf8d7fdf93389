"""Leaving: asked for with the password, a day to think again, then gone."""

from __future__ import annotations

from datetime import timedelta

import pytest
import requests
from axes.models import AccessAttempt
from django.conf import settings as live_settings
from django.contrib.sessions.models import Session
from django.core.mail import EmailMessage
from django.test import Client

from accounts.billing import checkout, customers
from accounts.erasure import steps, work
from accounts.models import AddressChange, BillingAccount, Erasure, Registration, StripeEvent, User
from accounts.takeout import work as takeouts
from accounts.tests.billing import broken, buy, hear_all, press
from accounts.tests.conftest import PASSWORD, link_in, sent_mails
from gas import audit, clock, outbox, registry
from gas.clock import from_now
from gas.mail import FileBackend, recipients
from gas.models import AuditEntry, AuditSalt, OutboxMessage
from tests_e2e.emulators.stripe.control import StripeControl

pytestmark = pytest.mark.django_db
BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture
def web(user: User) -> Client:
    signed_in = Client()
    signed_in.force_login(user, backend=BACKEND)
    return signed_in


@pytest.fixture(autouse=True)
def own_mail_folder(settings, tmp_path) -> None:
    settings.MAIL_DIR = tmp_path / "mail"


def let_the_grace_end(user: User) -> None:
    Erasure.objects.filter(user_id=user.pk).update(due_at=from_now(timedelta(seconds=-1)), next_try_at=None)


def ask(web: Client, password: str = PASSWORD):
    return web.post("/accounts/delete/", {"password": password})


def test_the_page_says_what_goes_and_asks_for_the_password(web, user):
    page = web.get("/accounts/delete/").content.decode()
    assert "jobs and results, archived ones" in page
    assert "subscription" not in page.split("What stays")[0]
    assert "This is not your password" in ask(web, "wrong").content.decode()
    assert not Erasure.objects.exists()
    assert ask(web).status_code == 302
    assert Erasure.objects.get().user_id == user.pk


def test_guessing_the_password_here_is_paused_as_at_sign_in(web, user):
    for _ in range(live_settings.AXES_FAILURE_LIMIT):
        answer = ask(web, "wrong")
    assert ask(web).status_code == 429 or answer.status_code == 429
    assert not Erasure.objects.exists()


def test_who_has_no_password_must_have_signed_in_just_now(user, web):
    user.set_unusable_password()
    user.save()
    web.force_login(user, backend=BACKEND)
    User.objects.filter(pk=user.pk).update(last_login=clock.database_now() - timedelta(minutes=11))
    assert "Sign out and in again" in web.post("/accounts/delete/").content.decode()
    User.objects.filter(pk=user.pk).update(last_login=clock.database_now())
    assert web.post("/accounts/delete/").status_code == 302
    assert Erasure.objects.exists()


def test_nothing_is_deleted_in_the_day_of_grace(web, user):
    ask(web)
    work.sweep()
    assert User.objects.get(pk=user.pk).is_active
    assert web.get("/accounts/profile/").status_code == 200
    assert "will be deleted" in web.get("/accounts/profile/").content.decode()


def test_the_link_in_the_mail_keeps_the_account_without_signing_in(web, user):
    ask(web)
    message = sent_mails()[-1]
    assert f"{Erasure.objects.get().due_at:%H:%M} UTC" in message.body
    path = link_in(message)
    assert "Keep the account?" in Client().get(path).content.decode()
    assert User.objects.get(pk=user.pk).is_active, "looking at the link does nothing: mail scanners do it too"
    assert "Your account stays" in Client().post(path).content.decode()
    let_the_grace_end(user)
    work.sweep()
    assert User.objects.filter(pk=user.pk, is_active=True).exists()
    assert sent_mails()[-1].subject == "Your GAS account stays"


def test_a_link_that_is_none_is_404_and_one_that_is_late_says_so(web, user):
    assert Client().get("/accounts/delete/keep/nonsense/").status_code == 404
    ask(web)
    path = link_in(sent_mails()[-1])
    let_the_grace_end(user)
    assert "too late" not in Client().get(path).content.decode()
    Client().post(path)
    assert Erasure.objects.get().status == "scheduled", "the grace was over"
    work.sweep()
    assert "is deleted" in Client().get(path).content.decode()


def test_asked_twice_it_is_one_deletion_with_one_mail(user):
    assert work.request_erasure(user).pk == work.request_erasure(user).pk
    assert OutboxMessage.objects.filter(payload__template="erasure_requested").count() == 1


def test_after_the_grace_everything_that_names_the_user_is_gone(user, web, make_user, mailoutbox):
    other = make_user()
    others_session = Client()
    others_session.force_login(other, backend=BACKEND)
    Client().post("/accounts/sign-in/", {"username": user.email, "password": "wrong"})
    Registration.objects.create(
        email=user.email.upper(), name="again", password="x", terms_version="1", expires_at=from_now(timedelta(days=1))
    )
    FileBackend().send_messages([EmailMessage("hello", "dear you", to=[f"Somebody <{user.email.upper()}>"])])
    FileBackend().send_messages([EmailMessage("hello", "dear other", to=[other.email])])
    FileBackend().send_messages([EmailMessage("hello", "dear you, long ago", to=["maiden@example.org"])])
    AddressChange.objects.create(
        user=user,
        old_email="maiden@example.org",
        new_email=user.email,
        requested_at=clock.database_now(),
        expires_at=clock.database_now(),
        done_at=clock.database_now(),
    )
    audit.record("look at job", user, "job:1")
    takeouts.request_takeout(user)
    outbox.sweep()
    pseudonym = audit.pseudonym(user)
    assert AccessAttempt.objects.filter(username=user.email).exists()
    ask(web)
    let_the_grace_end(user)
    work.sweep()

    assert not User.objects.filter(pk=user.pk).exists()
    assert not AuditSalt.objects.filter(person_id=user.pk).exists()
    assert AuditEntry.objects.filter(actor=pseudonym).exists(), "what was done stays, by nobody we can name"
    assert not AccessAttempt.objects.filter(username__iexact=user.email).exists()
    assert not Registration.objects.exists()
    assert not steps.messages_about(user.pk).exists()
    assert [recipients(file) for file in live_settings.MAIL_DIR.iterdir()] == [{other.email}]
    assert takeouts.stored_names(user.pk) == []
    assert web.get("/accounts/profile/").status_code == 302
    assert Session.objects.count() == 1
    assert others_session.get("/accounts/profile/").status_code == 200
    assert Erasure.objects.get().status == "done"
    assert not broken()


def test_who_is_being_deleted_cannot_sign_in_and_gets_no_mail(user, web, monkeypatch, mailoutbox):
    ask(web)
    let_the_grace_end(user)
    monkeypatch.setattr(registry, "erasers", lambda: [("broken", lambda _: 1 / 0)])
    work.sweep()
    assert web.get("/accounts/profile/").status_code == 302
    assert (
        b"No account has this"
        in Client().post("/accounts/sign-in/", {"username": user.email, "password": PASSWORD}).content
    )
    outbox.sweep()
    assert mailoutbox == []
    erasure = Erasure.objects.get()
    assert (erasure.status, erasure.waiting_for, erasure.tries) == ("erasing", "broken", 1)
    assert "ZeroDivisionError" in erasure.last_error
    monkeypatch.undo()
    work.sweep()
    assert User.objects.filter(pk=user.pk).exists(), "it waits a little before the next try"
    let_the_grace_end(user)
    work.sweep()
    assert not User.objects.filter(pk=user.pk).exists()


def test_a_message_that_is_being_done_is_waited_for(user):
    work.request_erasure(user)
    OutboxMessage.objects.update(lease_until=from_now(timedelta(seconds=60)))
    let_the_grace_end(user)
    work.sweep()
    assert Erasure.objects.get().waiting_for == "messages"
    OutboxMessage.objects.update(lease_until=None)
    let_the_grace_end(user)
    work.sweep()
    assert Erasure.objects.get().status == "done"


def test_a_deletion_that_is_late_breaks_an_invariant(user):
    work.request_erasure(user)
    assert not broken()
    Erasure.objects.update(due_at=from_now(timedelta(minutes=-11)))
    assert any("is late" in sentence for sentence in broken())


def test_what_is_left_of_a_deleted_user_breaks_an_invariant(user):
    work.request_erasure(user)
    Erasure.objects.update(status="done", ended_at=clock.database_now())
    assert any("was deleted, but is there" in sentence for sentence in broken())


# --- Paying and leaving ------------------------------------------------------------------------
def test_the_subscription_ends_at_once_and_the_customer_is_deleted(user, web, double: StripeControl):
    subscription = buy(double, user)
    hear_all(double)
    press(double, user, "cancel")
    assert "your subscription: it ends at once" in web.get("/accounts/delete/").content.decode()
    ask(web)
    let_the_grace_end(user)
    work.sweep()
    found = double.objects("subscription")[0]
    assert (found["id"], found["status"]) == (subscription["id"], "canceled")
    assert double.objects("customer") == []
    assert not BillingAccount.objects.exists()
    assert not StripeEvent.objects.exists()
    assert not User.objects.filter(pk=user.pk).exists()


def test_an_account_deleted_during_a_checkout_cannot_be_paid_for_any_more(user, double: StripeControl):
    page = checkout.start_checkout(user, "monthly", "form")
    work.request_erasure(user)
    let_the_grace_end(user)
    work.sweep()
    assert double.objects("checkout.session")[0]["status"] == "expired"
    assert requests.post(page, timeout=5).status_code == 400
    assert double.objects("subscription") == []


def test_a_checkout_under_way_while_the_account_goes_leaves_no_customer(user, double: StripeControl, monkeypatch):
    """Stripe was asked for the customer, and before the answer is stored the account is deleted."""
    made = customers.create_customer

    def make_slowly(user_id):
        customer_id = made(user_id)
        monkeypatch.setattr(checkout, "create_customer", made)
        work.request_erasure(user)
        let_the_grace_end(user)
        work.sweep()
        return customer_id

    monkeypatch.setattr(checkout, "create_customer", make_slowly)
    with pytest.raises(checkout.LeavingError):
        checkout.open_account(user)
    assert double.objects("customer") == []
    assert not BillingAccount.objects.exists()


def test_while_stripe_is_away_all_else_is_deleted_and_the_row_waits(user, double: StripeControl):
    buy(double, user)
    hear_all(double)
    audit.record("look", user)
    work.request_erasure(user)
    let_the_grace_end(user)
    double.fail("/v1/", times=99, status=503)
    work.sweep()
    erasure = Erasure.objects.get()
    assert (erasure.status, erasure.waiting_for) == ("erasing", "billing")
    assert not AuditSalt.objects.filter(person_id=user.pk).exists(), "what came after billing was done all the same"
    assert User.objects.get(pk=user.pk).is_active is False
    double.heal()
    let_the_grace_end(user)
    work.sweep()
    assert double.objects("subscription")[0]["status"] == "canceled"
    assert not User.objects.filter(pk=user.pk).exists()


def test_without_the_key_a_deletion_waits_rather_than_leaving_somebody_paying(user, double: StripeControl, settings):
    buy(double, user)
    settings.STRIPE_SECRET_KEY = ""
    work.request_erasure(user)
    let_the_grace_end(user)
    work.sweep()
    assert "GAS_STRIPE_SECRET_KEY" in Erasure.objects.get().last_error
    assert BillingAccount.objects.exists()
