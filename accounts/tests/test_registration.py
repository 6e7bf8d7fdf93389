from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts import registration
from accounts.models import Consent, Invitation, Registration, User
from accounts.tests.conftest import PASSWORD, link_in, sent_mails
from accounts.tests.people import sign_in_staff

pytestmark = pytest.mark.django_db
FORM = {
    "name": "Rosalind",
    "email": "Rosalind@Example.org",
    "institution": "King's",
    "password": PASSWORD,
    "terms": "on",
    "consent": "on",
}


def sign_up(client: Client, **changes: str):
    return client.post("/accounts/sign-up/", FORM | changes)


def page_without_secrets(content: bytes) -> str:
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", content.decode())


def test_whoever_confirms_the_address_with_the_password_has_an_account_and_is_signed_in(client: Client):
    assert sign_up(client).headers["Location"] == "/accounts/sign-up/done/"
    assert not User.objects.exists()

    link = link_in(sent_mails()[0])
    assert client.get(link).status_code == 200
    assert not User.objects.exists(), "a mail scanner that opens the link must not confirm it"
    response = client.post(link, {"password": PASSWORD})

    user = User.objects.get()
    assert response.headers["Location"] == "/jobs/new"
    assert client.session["_auth_user_id"] == str(user.pk)
    assert (user.email, user.name, user.institution) == ("Rosalind@example.org", "Rosalind", "King's")
    assert user.email_confirmed_at is not None
    assert user.password.startswith("argon2$")
    assert Consent.objects.get().terms_version == "2026-11"
    assert not Registration.objects.exists()


def test_a_registration_cannot_sign_in_before_it_is_confirmed(client: Client):
    sign_up(client)
    response = client.post("/accounts/sign-in/", {"username": FORM["email"], "password": PASSWORD})
    assert response.status_code == 200
    assert "_auth_user_id" not in client.session


def test_somebody_elses_registration_of_my_address_cannot_be_confirmed_with_my_password(client: Client):
    sign_up(client, password="the attacker's own")
    link = link_in(sent_mails()[0])
    response = client.post(link, {"password": PASSWORD})
    assert b"not the password you chose" in response.content
    assert not User.objects.exists()


def test_a_password_cannot_be_guessed_through_the_link_for_ever(client: Client):
    sign_up(client)
    link = link_in(sent_mails()[0])
    for _ in range(registration.MAX_TRIES):
        client.post(link, {"password": "a wrong guess"})
    assert client.post(link, {"password": PASSWORD}).status_code == 404
    assert not User.objects.exists()


def test_sign_up_says_the_same_for_a_taken_address_and_the_mail_says_the_truth(client: Client):
    new = page_without_secrets(sign_up(client, email="new@example.org").content)
    User.objects.create_user("taken@example.org", PASSWORD)
    taken_response = sign_up(client, email="TAKEN@example.org")
    assert page_without_secrets(taken_response.content) == new
    assert taken_response.headers["Location"] == "/accounts/sign-up/done/"

    sign_up(client, email="taken@example.org")
    mails = {message.to[0]: message for message in sent_mails()}
    assert "have one already" in str(mails["taken@example.org"].body)
    assert len(sent_mails()) == 2, "the second try within the hour sends no second mail"
    assert Registration.objects.count() == 1


def test_an_address_is_not_flooded_with_mails(client: Client):
    for _ in range(registration.MAX_OPEN_PER_ADDRESS + 3):
        sign_up(client)
    assert len(sent_mails()) == registration.MAX_OPEN_PER_ADDRESS


def test_a_link_works_once_and_not_after_its_time(client: Client):
    sign_up(client)
    link = link_in(sent_mails()[0])
    Registration.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert client.get(link).status_code == 404
    assert registration.expire() == 1
    assert not Registration.objects.exists()

    sign_up(client)
    link = link_in(sent_mails()[-1])
    client.post(link, {"password": PASSWORD})
    client.logout()
    assert client.post(link, {"password": PASSWORD}).status_code == 404


def test_a_tampered_link_is_no_link(client: Client):
    sign_up(client)
    link = link_in(sent_mails()[0])
    assert client.get(link[:-3] + "x/").status_code == 404


def test_two_registrations_of_one_address_make_one_account(client: Client):
    sign_up(client)
    sign_up(client, email="rosalind@example.org")
    first, second = (registration.find(link_in(message).split("/")[-2]) for message in sent_mails())
    assert first is not None
    assert second is not None
    registration.confirm(first, PASSWORD)
    with pytest.raises(registration.ConfirmationError, match="account with this address already"):
        registration.confirm(second, PASSWORD)
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"password": "short"}, "too short"),
        ({"password": "rosalind@example"}, "too similar"),
        ({"password": "1234567890"}, "too common"),
        ({"email": "nowhere"}, "valid email"),
        ({"consent": ""}, "Without your agreement"),
        ({"terms": ""}, "no account without the terms"),
        ({"name": ""}, "required"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_at_the_top_and_nothing_typed_is_lost(client: Client, change, words):
    content = sign_up(client, **change).content.decode()
    assert words in content
    assert 'role="alert"' in content
    assert 'aria-invalid="true"' in content
    assert 'value="King&#x27;s"' in content
    assert not Registration.objects.exists()


def test_a_closed_service_takes_no_registration_and_no_page_leads_there(client: Client, settings):
    page = client.get("/accounts/sign-in/").content.decode()
    assert 'href="/accounts/sign-up/"' in page
    assert f"GAS {settings.SITE_VERSION}" in page
    settings.SIGNUP = "closed"
    for page in ("/", "/accounts/sign-in/"):
        assert b'href="/accounts/sign-up/"' not in client.get(page).content
    assert sign_up(client).status_code == 403
    assert not Registration.objects.exists()


def test_who_is_invited_gets_a_mail_with_the_way_in(client: Client, admin: User):
    sign_in_staff(client, admin)
    assert client.post("/admin/accounts/invitation/add/", {"email": "rosalind@example.org"}).status_code == 302
    (message,) = sent_mails()
    assert (message.to, message.subject) == (["rosalind@example.org"], "You are invited to GAS")
    assert link_in(message) == "/accounts/sign-up/"
    client.post(f"/admin/accounts/invitation/{Invitation.objects.get().pk}/change/", {"email": "other@example.org"})
    assert len(sent_mails()) == 1


def test_by_invitation_only_invited_addresses_get_a_link_and_the_page_does_not_tell(client: Client, settings):
    settings.SIGNUP = "invite"
    Invitation.objects.create(email="rosalind@example.org")
    assert sign_up(client, email="stranger@example.org").headers["Location"] == sign_up(client).headers["Location"]
    assert [message.to for message in sent_mails()] == [["Rosalind@example.org"]]
    client.post(link_in(sent_mails()[0]), {"password": PASSWORD})
    assert User.objects.count() == 1
    assert not Invitation.objects.exists()
