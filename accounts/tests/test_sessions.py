from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import SignIn, User
from accounts.security import sessions
from accounts.tests.conftest import PASSWORD
from gas import audit
from gas.models import AuditEntry

pytestmark = pytest.mark.django_db
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def signed_in(user: User, agent: str = FIREFOX) -> Client:
    client = Client(headers={"User-Agent": agent})
    client.post("/accounts/sign-in/", {"username": user.email, "password": PASSWORD})
    assert client.get("/accounts/profile/").status_code == 200
    return client


def test_each_signed_in_browser_is_listed(user: User):
    first = signed_in(user)
    signed_in(user, "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605 Version/19.0 Safari/605")
    page = first.get("/accounts/security/").content.decode()
    assert "Firefox on Linux" in page
    assert "Safari on iOS" in page
    assert page.count("(this one)") == 1


def test_one_browser_can_be_signed_out_from_another(user: User):
    mine, lost = signed_in(user), signed_in(user)
    row = SignIn.objects.get(session_key=lost.cookies["sessionid"].value)
    mine.post(f"/accounts/security/sessions/{row.pk}/end/")
    assert lost.get("/accounts/profile/").status_code == 302
    assert mine.get("/accounts/profile/").status_code == 200


def test_all_others_can_be_signed_out_at_once(user: User):
    mine, *others = (signed_in(user) for _ in range(3))
    mine.post("/accounts/security/sessions/others/end/")
    assert [browser.get("/accounts/profile/").status_code for browser in (mine, *others)] == [200, 302, 302]


def test_nobody_ends_somebody_elses_session(user: User, make_user):
    victim, stranger = signed_in(user), signed_in(make_user())
    row = SignIn.objects.get(session_key=victim.cookies["sessionid"].value)
    assert stranger.post(f"/accounts/security/sessions/{row.pk}/end/").status_code == 404
    assert victim.get("/accounts/profile/").status_code == 200


def test_a_browser_that_was_away_for_too_long_is_signed_out(user: User, settings):
    browser = signed_in(user)
    session = browser.session
    seen = session[sessions.SEEN]
    session[sessions.SEEN] = [
        *seen[:2],
        (timezone.now() - timedelta(hours=settings.SESSION_IDLE_HOURS + 1)).isoformat(),
    ]
    session.save()
    assert browser.get("/accounts/profile/").status_code == 302


def test_a_page_view_costs_no_write(user: User, django_assert_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    browser = signed_in(user)
    with CaptureQueriesContext(connection) as queries:
        browser.get("/accounts/profile/")
    assert [query["sql"] for query in queries if not query["sql"].startswith("SELECT")] == []


def test_a_change_of_password_leaves_only_this_browser_in_the_list(user: User):
    mine, _ = signed_in(user), signed_in(user)
    mine.post("/accounts/password/change/", {"old_password": PASSWORD, "new_password": "quite another one"})
    assert mine.get("/accounts/security/").content.decode().count("Firefox on Linux") == 1


def test_signing_out_takes_the_browser_from_the_list_and_the_sweep_its_row(user: User):
    mine, other = signed_in(user), signed_in(user)
    other.post("/accounts/sign-out/")
    assert len(sessions.listed(user)) == 1
    sessions.forget_over()
    assert SignIn.objects.count() == 1
    assert mine.get("/accounts/profile/").status_code == 200


def test_a_sign_in_is_in_the_audit_log_once_and_without_a_name(user: User):
    browser = Client(headers={"user-agent": FIREFOX})
    browser.post("/accounts/sign-in/", {"username": user.email, "password": PASSWORD})
    for _ in range(3):
        browser.get("/jobs/")
    entry = AuditEntry.objects.get(action="sign in")
    assert entry.target == f"sign_in:{SignIn.objects.get().pk}"
    assert entry.actor == audit.pseudonym(user)
    assert user.email not in f"{entry.target} {entry.detail}"
