from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import User
from accounts.tests.conftest import PASSWORD, link_in, sent_mails

pytestmark = pytest.mark.django_db


def sign_in(client: Client, email: str, password: str = PASSWORD, **extra):
    return client.post("/accounts/sign-in/", {"username": email, "password": password}, **extra)


def test_letter_case_of_the_address_does_not_matter(client: Client, user: User):
    assert sign_in(client, user.email.upper()).status_code == 302
    assert client.session["_auth_user_id"] == str(user.pk)


def test_unknown_address_and_wrong_password_read_the_same(client: Client, user: User):
    wrong = sign_in(client, user.email, "something else")
    unknown = sign_in(client, "nobody@example.org")
    for response in (wrong, unknown):
        assert b"No account has this e-mail address with this password" in response.content
        assert "_auth_user_id" not in client.session


def test_an_unknown_address_costs_one_hash_as_a_known_one_does(client: Client, user: User, monkeypatch):
    from django.contrib.auth.hashers import Argon2PasswordHasher

    hashed: list[str] = []
    encode = Argon2PasswordHasher.encode
    verify = Argon2PasswordHasher.verify

    def counted(name: str, work):
        def call(*arguments):
            hashed.append(name)
            return work(*arguments)

        return call

    monkeypatch.setattr(Argon2PasswordHasher, "encode", counted("encode", encode))
    monkeypatch.setattr(Argon2PasswordHasher, "verify", counted("verify", verify))
    sign_in(client, user.email, "something else")
    known = len(hashed)
    hashed.clear()
    sign_in(client, "nobody@example.org", "something else")
    assert len(hashed) == known == 1


def test_the_sixth_try_is_paused_and_neither_letter_case_nor_a_forged_proxy_header_helps(client: Client, user: User):
    for _ in range(5):
        last = sign_in(client, user.email, "a wrong one")
    assert last.status_code == 429
    assert int(last.headers["Retry-After"]) == 900
    assert sign_in(client, user.email.upper()).status_code == 429
    assert sign_in(client, user.email, HTTP_X_FORWARDED_FOR="203.0.113.9").status_code == 429
    assert "_auth_user_id" not in client.session


def test_a_pause_reads_the_same_for_an_address_without_account(client: Client):
    for _ in range(5):
        last = sign_in(client, "nobody@example.org", "a wrong one")
    assert last.status_code == 429
    assert b"paused after 5 wrong passwords" in last.content


def test_the_pause_is_for_one_address_not_for_all_behind_the_same_router(client: Client, user: User, make_user):
    for _ in range(5):
        sign_in(client, user.email, "a wrong one")
    assert sign_in(client, make_user().email).status_code == 302


def test_the_session_key_changes_at_sign_in(client: Client, user: User):
    session = client.session
    session["planted"] = "by somebody"
    session.save()
    before = session.session_key
    sign_in(client, user.email)
    assert client.session.session_key != before


def test_the_old_cookie_is_worth_nothing_after_signing_out(client: Client, user: User):
    sign_in(client, user.email)
    old = client.cookies["sessionid"].value
    assert client.get("/accounts/profile/").status_code == 200
    client.post("/accounts/sign-out/")
    client.cookies["sessionid"] = old
    assert client.get("/accounts/profile/").status_code == 302


def test_signing_out_needs_a_post(client: Client, user: User):
    sign_in(client, user.email)
    assert client.get("/accounts/sign-out/").status_code == 405
    assert "_auth_user_id" in client.session


def test_the_way_back_stays_on_this_service(client: Client, user: User):
    there = {"username": user.email, "password": PASSWORD}
    assert client.post("/accounts/sign-in/", there | {"next": "https://evil.example/"}).headers["Location"] == "/jobs/"
    client.logout()
    assert (
        client.post("/accounts/sign-in/", there | {"next": "/accounts/plan/"}).headers["Location"] == "/accounts/plan/"
    )


def test_someone_who_is_not_active_cannot_sign_in(client: Client, make_user):
    response = sign_in(client, make_user(is_active=False).email)
    assert b"No account has this e-mail address with this password" in response.content


def test_a_new_password_by_mail_ends_all_sessions_and_works_once(client: Client, user: User):
    other = Client()
    sign_in(other, user.email)
    assert client.post("/accounts/password/reset/", {"email": user.email.upper()}).status_code == 302
    link = link_in(sent_mails()[0])
    page = client.get(link, follow=True)
    form = page.redirect_chain[-1][0]
    assert client.post(form, {"new_password": "too short"}).status_code == 200
    assert (
        client.post(form, {"new_password": "quite another one"}).headers["Location"]
        == "/accounts/password/reset/complete/"
    )

    assert other.get("/accounts/profile/").status_code == 302
    assert sign_in(Client(), user.email).status_code == 200
    assert sign_in(Client(), user.email, "quite another one").status_code == 302
    assert b"This link has ended" in Client().get(link, follow=True).content
    assert "was changed" in str(sent_mails()[-1].subject)


def test_a_reset_for_an_unknown_address_says_the_same_and_sends_nothing(client: Client, user: User):
    known = client.post("/accounts/password/reset/", {"email": user.email})
    unknown = client.post("/accounts/password/reset/", {"email": "nobody@example.org"})
    assert (known.status_code, known.headers["Location"]) == (unknown.status_code, unknown.headers["Location"])
    assert [message.to for message in sent_mails()] == [[user.email]]


def test_a_reset_for_an_unknown_address_does_the_same_work(client: Client, user: User, django_assert_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as known:
        client.post("/accounts/password/reset/", {"email": user.email})
    with django_assert_num_queries(len(known)):
        client.post("/accounts/password/reset/", {"email": "nobody@example.org"})


def test_many_requests_for_a_reset_send_one_mail(client: Client, user: User):
    for _ in range(4):
        client.post("/accounts/password/reset/", {"email": user.email})
    assert len(sent_mails()) in (1, 2), "two where a window of ten minutes ended between them"


def test_changing_the_password_keeps_this_session_and_ends_the_others(client: Client, user: User):
    other = Client()
    for browser in (client, other):
        sign_in(browser, user.email)
    form = {"old_password": PASSWORD, "new_password": "quite another one"}
    assert b"not your password" in client.post("/accounts/password/change/", form | {"old_password": "no"}).content
    assert client.post("/accounts/password/change/", form).headers["Location"] == "/accounts/password/change/done/"
    assert client.get("/accounts/profile/").status_code == 200
    assert other.get("/accounts/profile/").status_code == 302
    assert [message.subject for message in sent_mails()] == ["Your GAS password was changed"]


def test_guessing_the_password_of_now_pauses_as_sign_in_does(client: Client, user: User):
    sign_in(client, user.email)
    form = {"old_password": "wrong", "new_password": "quite another one"}
    for _ in range(5):
        last = client.post("/accounts/password/change/", form)
    assert last.status_code == 429
    assert client.post("/accounts/password/change/", form | {"old_password": PASSWORD}).status_code == 429
    assert User.objects.get(pk=user.pk).check_password(PASSWORD)


def test_a_mail_names_itself_so_that_a_repeated_one_is_the_same(user: User, client: Client):
    client.post("/accounts/password/reset/", {"email": user.email})
    assert sent_mails()[0].extra_headers["Message-ID"].startswith("<outbox-")


def test_the_profile_is_the_users_own(client: Client, user: User):
    sign_in(client, user.email)
    client.post("/accounts/profile/", {"name": "Barbara", "institution": "Cold Spring Harbor", "email": "x@y.org"})
    changed = User.objects.get(pk=user.pk)
    assert (changed.name, changed.institution, changed.email) == ("Barbara", "Cold Spring Harbor", user.email)
