from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core import serializers
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import ApiToken, User
from accounts.security import tokens
from accounts.tests.conftest import PASSWORD
from gas.clock import from_now

pytestmark = pytest.mark.django_db
FORM = {"name": "pipeline", "scopes": ["jobs:read"], "days": "30"}


@pytest.fixture
def browser(user: User) -> Client:
    client = Client()
    client.post("/accounts/sign-in/", {"username": user.email, "password": PASSWORD})
    return client


def make(browser: Client, **changes) -> str:
    browser.get("/jobs/")
    page = browser.post("/accounts/security/tokens/", FORM | changes).content.decode()
    found = re.search(r"gas_[\w-]{43}", page)
    assert found, page
    return found[0]


def test_a_token_is_shown_once_and_works_within_its_scopes(browser: Client, user: User):
    text = make(browser)
    found = tokens.find(text)
    assert found is not None
    assert (found.user, found.scopes) == (user, ["jobs:read"])
    assert text not in browser.get("/accounts/security/").content.decode()
    assert text[:12] in browser.get("/accounts/security/").content.decode()


def test_a_dump_of_the_database_holds_nothing_usable(browser: Client):
    text = make(browser)
    dump = serializers.serialize("json", ApiToken.objects.all())
    assert text[12:] not in dump
    assert ApiToken.objects.get().digest in dump
    assert tokens.find(ApiToken.objects.get().digest) is None


def test_a_revoked_token_and_an_expired_one_are_refused(browser: Client):
    revoked, expired = make(browser), make(browser, name="old")
    row = ApiToken.objects.get(name="pipeline")
    browser.post(f"/accounts/security/tokens/{row.pk}/revoke/")
    ApiToken.objects.filter(name="old").update(expires_at=timezone.now() - timedelta(seconds=1))
    assert tokens.find(revoked) is None
    assert tokens.find(expired) is None


def test_the_token_of_somebody_who_may_not_sign_in_is_refused(browser: Client, user: User):
    text = make(browser)
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert tokens.find(text) is None


def test_nobody_revokes_somebody_elses_token(browser: Client, make_user, user: User):
    text = make(browser)
    stranger = Client()
    stranger.force_login(make_user(), backend="django.contrib.auth.backends.ModelBackend")
    assert stranger.post(f"/accounts/security/tokens/{ApiToken.objects.get().pk}/revoke/").status_code == 404
    assert tokens.find(text) is not None


def test_the_last_use_is_noted_but_not_with_every_call(browser: Client, django_assert_num_queries):
    text = make(browser)
    tokens.find(text)
    first = ApiToken.objects.get().last_used_at
    assert first is not None
    tokens.find(text)
    assert ApiToken.objects.get().last_used_at == first


def test_the_calls_of_a_minute_are_counted_together_by_all_who_count(user: User):
    token, _ = tokens.make(user, "a", ["jobs:read"], 1)
    assert [tokens.count_call(token, 2) for _ in range(3)] == [True, True, False]
    assert 0 < tokens.seconds_until_next_minute(token) <= 60
    ApiToken.objects.update(counted_since=from_now(-tokens.COUNTED_FOR))
    assert tokens.seconds_until_next_minute(token) == 0
    assert [tokens.count_call(token, 2) for _ in range(3)] == [True, True, False]


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_parallel_calls_do_not_pass_the_limit_together(user: User):
    token, _ = tokens.make(user, "a", ["jobs:read"], 1)

    def call(_: int) -> bool:
        try:
            return tokens.count_call(token, 10)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(call, range(14))) == [False] * 4 + [True] * 10


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"scopes": []}, "Choose what"),
        ({"scopes": ["admin"]}, "admin"),
        ({"days": "366"}, "365"),
        ({"name": ""}, "required"),
    ],
)
def test_what_is_wrong_is_said_and_no_token_is_made(browser: Client, change, words):
    browser.get("/jobs/")
    response = browser.post("/accounts/security/tokens/", FORM | change)
    assert response.status_code == 422
    assert words in response.content.decode()
    assert not ApiToken.objects.exists()


def test_there_is_an_upper_limit_of_tokens(user: User, monkeypatch):
    monkeypatch.setattr(tokens, "MAX_TOKENS", 2)
    for _ in range(2):
        tokens.make(user, "a", ["jobs:read"], 1)
    with pytest.raises(tokens.TokenError, match="You have 2 tokens"):
        tokens.make(user, "a", ["jobs:read"], 1)
