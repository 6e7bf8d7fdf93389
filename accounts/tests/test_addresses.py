"""Another address: asked for with a proof, confirmed at the new one in one's own account, told to the old one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail
from django.core.mail import EmailMessage
from django.test import Client
from social_django.models import UserSocialAuth

from accounts import sweep
from accounts.addresses import undo, work
from accounts.erasure import work as erasures
from accounts.models import AddressChange, User
from accounts.security import fresh, tokens
from accounts.tests.conftest import PASSWORD, link_in, sent_mails
from gas.clock import from_now
from gas.mail import FileBackend
from gas.models import AuditEntry

pytestmark = pytest.mark.django_db
NEW = "married@example.org"
PAGE = "/accounts/email/"


@pytest.fixture
def web(user: User) -> Client:
    browser = Client()
    browser.post("/accounts/sign-in/", {"username": user.email, "password": PASSWORD})
    browser.get("/jobs/")
    return browser


def ask(web: Client, email: str = NEW) -> list[mail.EmailMessage]:
    """Ask for an address; the mails that this caused."""
    before = len(mail.outbox)
    assert b"Look into your mail" in web.post(PAGE, {"email": email}).content
    return sent_mails()[before:]


def test_the_address_changes_when_the_link_at_the_new_one_is_opened(web: Client, user: User):
    old = user.email
    (message,) = ask(web)
    assert message.to == [NEW]
    assert user.name not in message.body, "the mail may have gone to anybody"
    page = web.get(link_in(message)).content.decode()
    assert old in page
    assert NEW in page
    user.refresh_from_db()
    assert user.email == old, "looking changes nothing: mail programs open links"

    assert web.post(link_in(message)).headers["Location"] == "/accounts/profile/"
    user.refresh_from_db()
    assert user.email == NEW
    assert AuditEntry.objects.filter(action="address.changed").exists()
    told = sent_mails()[-1]
    assert (told.to, told.subject) == ([old], "Your GAS account has another address")
    assert NEW not in told.body, "whoever reads the old mails need not learn it"
    assert web.get("/jobs/").status_code == 200
    again = Client()
    again.post("/accounts/sign-in/", {"username": NEW, "password": PASSWORD})
    assert again.get("/jobs/").status_code == 200


def taken_back(web: Client, email: str = NEW) -> str:
    """Change the address and give the link of the mail that the old one gets."""
    web.post(link_in(ask(web, email)[0]))
    return link_in(sent_mails()[-1])


def test_the_old_address_takes_the_change_back_and_whoever_made_it_is_out(web: Client, user: User):
    old, link = user.email, taken_back(web)
    _, text = tokens.make(user, "of the thief", ["jobs:read"], 1)
    UserSocialAuth.objects.create(user=user, provider="oidc", uid="of the thief", extra_data={})
    erasures.request_erasure(user)
    thief, owner = Client(), Client()
    thief.post("/accounts/sign-in/", {"username": NEW, "password": PASSWORD})
    assert old in owner.get(link).content.decode()
    user.refresh_from_db()
    assert user.email == NEW, "looking changes nothing: mail programs open links"

    assert b"has its old address again" in owner.post(link).content
    user.refresh_from_db()
    assert user.email == old
    assert (web.get("/jobs/").status_code, thief.get("/jobs/").status_code) == (302, 302)
    assert tokens.find(text) is None
    assert not UserSocialAuth.objects.exists()
    assert erasures.scheduled_for(user.pk) is None
    for address in (old, NEW):
        client = Client()
        client.post("/accounts/sign-in/", {"username": address, "password": PASSWORD})
        assert client.get("/jobs/").status_code == 302, "the password that was known is worth nothing"
    assert AuditEntry.objects.filter(action="address.restored").exists()


def test_after_it_a_new_password_is_chosen_by_a_mail_to_the_old_address(web: Client, user: User):
    old, owner = user.email, Client()
    owner.post(taken_back(web))
    (told,) = [message for message in sent_mails() if message.subject == "Your GAS account has its old address again"]
    assert told.to == [old]
    form = owner.get(link_in(told)).headers["Location"]
    owner.post(form, {"new_password": "another long password"})
    owner.post("/accounts/sign-in/", {"username": old, "password": "another long password"})
    assert owner.get("/jobs/").status_code == 200


def test_a_change_is_taken_back_once_and_all_that_followed_it_with_it(web: Client, user: User):
    old, first = user.email, taken_back(web)
    second = taken_back(web, "third@example.org")
    Client().post(first)
    for link in (first, second, f"{PAGE}undo/forged/"):
        assert Client().post(link).status_code == 404
    user.refresh_from_db()
    assert user.email == old


def test_a_change_is_not_taken_back_after_its_days_nor_to_an_address_that_others_have(
    web: Client, user: User, make_user
):
    old, link = user.email, taken_back(web)
    make_user(email=old)
    answer = Client().post(link)
    assert (answer.status_code, b"Another account has this address" in answer.content) == (409, True)
    assert web.get("/jobs/").status_code == 200, "nothing has changed"
    AddressChange.objects.update(done_at=from_now(-timedelta(days=undo.DAYS)))
    assert Client().post(link).status_code == 404
    user.refresh_from_db()
    assert (user.email, user.check_password(PASSWORD)) == (NEW, True)


def test_other_browsers_are_signed_out(web: Client, user: User):
    other = Client()
    other.post("/accounts/sign-in/", {"username": user.email, "password": PASSWORD})
    assert other.get("/jobs/").status_code == 200
    web.post(link_in(ask(web)[0]))
    assert other.get("/jobs/").status_code == 302


def test_a_link_works_once_and_not_after_another_change(web: Client, user: User):
    first, second = link_in(ask(web)[0]), link_in(ask(web, "other@example.org")[0])
    web.post(first)
    for link in (first, second):
        assert web.post(link).status_code == 404
    user.refresh_from_db()
    assert user.email == NEW


def test_a_link_is_worth_nothing_in_another_account_and_signed_out(web: Client, make_user, user: User):
    link = link_in(ask(web)[0])
    stranger = Client()
    stranger.force_login(make_user(), backend="django.contrib.auth.backends.ModelBackend")
    assert stranger.post(link).status_code == 404
    assert Client().post(link).headers["Location"].startswith("/accounts/sign-in/?next=")
    assert web.post(f"{PAGE}forged/").status_code == 404
    assert not User.objects.filter(email=NEW).exists()


def test_a_link_expires_and_its_row_goes_with_its_mail(web: Client, settings, tmp_path):
    settings.MAIL_DIR = tmp_path
    FileBackend().send_messages([EmailMessage("Confirm", "", to=[NEW])])
    link = link_in(ask(web)[0])
    AddressChange.objects.update(expires_at=from_now(timedelta(seconds=-1)))
    assert web.post(link).status_code == 404
    sweep.sweep()
    assert not AddressChange.objects.exists()
    assert list(tmp_path.iterdir()) == []


def test_whether_an_address_has_an_account_is_said_there_only(web: Client, make_user):
    other = make_user(email="taken@example.org")
    (message,) = ask(web, "TAKEN@example.org")
    assert (message.to, message.subject) == ([other.email], "You have a GAS account already")
    assert not AddressChange.objects.exists()


def test_an_address_that_was_taken_meanwhile_changes_nothing(web: Client, make_user, user: User):
    link = link_in(ask(web)[0])
    make_user(email=NEW)
    assert b"Another account has this address" in web.post(link, follow=True).content
    user.refresh_from_db()
    assert user.email != NEW
    assert AddressChange.objects.get().done_at is None


def test_the_page_asks_for_a_proof_from_just_now(web: Client):
    session = web.session
    session[fresh.PROVED] -= fresh.FRESH_SECONDS
    session.save()
    assert web.post(PAGE, {"email": NEW}).headers["Location"].startswith("/accounts/security/prove/")
    assert not AddressChange.objects.exists()


def test_few_mails_go_to_addresses_that_may_be_anybodys(web: Client):
    for number in range(work.MAX_OPEN):
        assert len(ask(web, f"{number}@example.org")) == 1
    assert ask(web, "one-more@example.org") == []


def test_the_address_of_now_is_refused_but_may_be_confirmed_while_it_is_not(web: Client, user: User):
    assert b"already" in web.post(PAGE, {"email": user.email.upper()}).content
    User.objects.update(email_confirmed_at=None)
    assert web.get("/jobs/new").headers["Location"] == "/accounts/profile/"
    assert b"Confirm it" in web.get("/accounts/profile/").content
    assert user.email in web.get(PAGE).content.decode()
    web.post(link_in(ask(web, user.email)[0]))
    user.refresh_from_db()
    assert user.email_confirmed_at is not None
    assert web.get("/jobs/new").status_code == 200
    assert "Your GAS account has another address" not in [message.subject for message in sent_mails()]


def test_what_was_sent_to_an_old_address_is_the_users_until_somebody_else_has_it(web: Client, user: User, make_user):
    old = user.email
    web.post(link_in(ask(web)[0]))
    user.refresh_from_db()
    assert work.ever_of(user) == {NEW, old}
    make_user(email=old.upper())
    assert work.ever_of(user) == {NEW}


def test_each_mail_can_be_switched_off_and_on_again(web: Client, user: User):
    page = "/accounts/notifications/"
    assert web.get(page).content.decode().count("checked") == 3
    assert web.post(page, {"mail_going_cold": "on"}).headers["Location"] == page
    user.refresh_from_db()
    assert (user.mail_job_ended, user.mail_going_cold, user.mail_results_back) == (False, True, False)
    web.post(page, {})
    user.refresh_from_db()
    assert not user.mail_going_cold
    web.post("/accounts/password/change/", {"old_password": PASSWORD, "new_password": "another long password"})
    assert sent_mails()[-1].subject == "Your GAS password was changed", "what concerns safety always goes"
