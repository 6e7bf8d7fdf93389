from __future__ import annotations

import re

import pytest
from django.test import Client
from django_otp_webauthn.models import WebAuthnCredential

from accounts.models import User
from accounts.security import fresh, passkeys, second_factor
from accounts.tests.authenticator import Authenticator
from accounts.tests.conftest import sent_mails
from accounts.tests.test_second_factor import ASK, SET_UP, code_of, sign_in, turn_on

pytestmark = pytest.mark.django_db
BEGIN, ADD, QUESTION, REMOVE_APP = (
    "/accounts/security/passkeys/begin/",
    "/accounts/security/passkeys/",
    "/accounts/security/second-factor/passkey/",
    "/accounts/security/second-factor/app/remove/",
)


def add(client: Client, device: Authenticator, name: str = "Phone"):
    options = client.post(BEGIN).json()
    return client.post(ADD, {"name": name, "answer": device.create(options)})


def answer(client: Client, device: Authenticator):
    return client.post(ASK, {"answer": device.get(client.post(QUESTION).json())})


def is_in(client: Client) -> bool:
    return client.get("/jobs/").status_code == 200


@pytest.fixture
def device() -> Authenticator:
    return Authenticator()


@pytest.fixture
def enrolled(client: Client, user: User, device: Authenticator) -> User:
    """Somebody whose only factor is the device."""
    sign_in(client, user)
    client.get("/jobs/")
    add(client, device)
    user.refresh_from_db()
    return user


@pytest.fixture
def other(enrolled: User) -> Client:
    """Their second browser, before the second factor."""
    browser = Client()
    sign_in(browser, enrolled)
    return browser


def test_a_first_passkey_turns_the_factor_on_and_gives_recovery_codes(client: Client, user: User, device):
    sign_in(client, user)
    client.get("/jobs/")
    page = add(client, device).content.decode()
    assert len(re.findall(r"<code>((?:[0-9a-f]{5}-){3}[0-9a-f]{5})</code>", page)) == 10
    assert is_in(client)
    assert "Phone" in client.get("/accounts/security/").content.decode()
    assert "A second factor was added to your GAS account" in [mail.subject for mail in sent_mails()]


def test_the_passkey_opens_what_waits_for_the_second_factor(other: Client, device: Authenticator):
    assert not is_in(other)
    before = other.cookies["sessionid"].value
    assert answer(other, device).headers["Location"] == "/jobs/"
    assert is_in(other)
    assert other.cookies["sessionid"].value != before
    assert WebAuthnCredential.objects.get().last_used_at is not None


def test_another_key_is_refused(other: Client, device: Authenticator):
    forged = Authenticator(credential_id=device.credential_id)
    for stranger in (forged, Authenticator()):
        assert b"not accepted" in answer(other, stranger).content
        assert not is_in(other)


def test_the_key_of_somebody_else_is_refused(other: Client, make_user, device: Authenticator):
    stranger, theirs = Client(), Authenticator()
    sign_in(stranger, make_user())
    stranger.get("/jobs/")
    add(stranger, theirs)
    assert is_in(stranger)
    answer(other, theirs)
    assert not is_in(other)


def test_what_was_signed_on_another_page_is_refused(other: Client, device: Authenticator):
    device.origin = "https://evil.example"
    answer(other, device)
    assert not is_in(other)


def test_an_answer_works_once_and_in_its_own_session(other: Client, enrolled: User, device: Authenticator):
    signed = device.get(other.post(QUESTION).json())
    third = Client()
    sign_in(third, enrolled)
    third.post(QUESTION)
    third.post(ASK, {"answer": signed})
    assert not is_in(third)
    other.post(ASK, {"answer": signed})
    assert is_in(other)
    fourth = Client()
    sign_in(fourth, enrolled)
    fourth.post(ASK, {"answer": signed})
    assert not is_in(fourth)


def test_a_copied_key_whose_count_goes_back_is_refused(other: Client, device: Authenticator):
    answer(other, device)
    device.count = 0
    third = Client()
    sign_in(third, User.objects.get())
    answer(third, device)
    assert not is_in(third)


@pytest.mark.parametrize("nonsense", ["{}", "[]", "nonsense", '{"id": 1}', "[" * 15_000, "[" * 30_000])
def test_nonsense_is_refused(nonsense: str, client: Client, user: User, other: Client):
    other.post(QUESTION)
    assert other.post(ASK, {"answer": nonsense}).status_code == 200
    assert not is_in(other)
    client.post(BEGIN)
    assert client.post(ADD, {"name": "x", "answer": nonsense}).headers["Location"] == "/accounts/security/"
    assert WebAuthnCredential.objects.count() == 1


def test_who_has_not_passed_cannot_add_a_factor_of_their_own(other: Client):
    for address in (BEGIN, ADD, SET_UP):
        assert other.post(address).headers["Location"].startswith(ASK)
    assert other.get(SET_UP).headers["Location"].startswith(ASK)


def test_adding_asks_for_a_proof_from_just_now(client: Client, enrolled: User):
    session = client.session
    session[fresh.PROVED] -= fresh.FRESH_SECONDS
    session.save()
    for address in (BEGIN, ADD, f"{ADD}{WebAuthnCredential.objects.get().pk}/remove/"):
        assert client.post(address).headers["Location"].startswith("/accounts/security/prove/")


def test_an_answer_to_no_question_adds_nothing(client: Client, enrolled: User):
    options = client.post(BEGIN).json()
    second = Authenticator()
    signed = second.create(options)
    client.post(ADD, {"name": "Key", "answer": signed})
    client.post(ADD, {"name": "Key", "answer": signed})
    assert WebAuthnCredential.objects.count() == 2


def test_an_app_and_a_passkey_stand_side_by_side(client: Client, user: User, device: Authenticator):
    turn_on(client, user)
    codes = second_factor.codes_left(user)
    assert add(client, device).headers["Location"] == "/accounts/security/"
    assert second_factor.codes_left(user) == codes, "the codes on paper still hold"
    other = Client()
    sign_in(other, user)
    answer(other, device)
    assert is_in(other)
    client.post(f"{ADD}{WebAuthnCredential.objects.get().pk}/remove/")
    user.refresh_from_db()
    assert user.second_factor is not None, "the app is left"
    assert is_in(client)


def test_a_lost_phone_s_app_is_removed_and_the_passkey_stays(client: Client, user: User, device: Authenticator):
    turn_on(client, user)
    add(client, device)
    assert client.post(REMOVE_APP).headers["Location"] == "/accounts/security/"
    user.refresh_from_db()
    assert not second_factor.has_app(user)
    assert user.second_factor is not None, "the passkey is left"
    assert client.post(REMOVE_APP).status_code == 404
    client.get(SET_UP)
    client.post(SET_UP, {"code": code_of(user)})
    assert second_factor.has_app(user), "the app of the new phone"


def test_with_the_last_device_the_factor_is_off(client: Client, enrolled: User):
    client.post(f"{ADD}{WebAuthnCredential.objects.get().pk}/remove/")
    enrolled.refresh_from_db()
    assert enrolled.second_factor is None
    assert second_factor.codes_left(enrolled) == 0
    assert "The second factor of your GAS account is off" in [mail.subject for mail in sent_mails()]


def test_turning_off_takes_all_devices_away(client: Client, enrolled: User):
    client.post("/accounts/security/second-factor/off/")
    assert not WebAuthnCredential.objects.exists()


def test_nobody_removes_somebody_elses_passkey(client: Client, enrolled: User, make_user):
    stranger = Client()
    sign_in(stranger, make_user())
    stranger.get("/jobs/")
    assert stranger.post(f"{ADD}{WebAuthnCredential.objects.get().pk}/remove/").status_code == 404


def test_staff_may_set_up_a_passkey_instead_of_an_app(client: Client, make_user, device: Authenticator):
    staff = make_user(is_staff=True, is_superuser=True)
    sign_in(client, staff)
    assert b"Or a passkey" in client.get(SET_UP).content
    add(client, device)
    assert client.get("/admin/").status_code == 200


def test_there_is_an_upper_limit_of_passkeys(client: Client, enrolled: User, monkeypatch):
    monkeypatch.setattr(passkeys, "MAX_PASSKEYS", 1)
    add(client, Authenticator())
    assert WebAuthnCredential.objects.count() == 1


def test_plain_http_elsewhere_offers_none(client: Client, user: User, settings):
    settings.BASE_URL = "http://lab.example.org"
    sign_in(client, user)
    client.get("/jobs/")
    assert b"Or a passkey" not in client.get(SET_UP).content
    assert client.post(BEGIN).status_code == 404
