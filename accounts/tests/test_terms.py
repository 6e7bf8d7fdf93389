"""Terms that were raised: who is asked, and what goes on meanwhile."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import Consent, User
from accounts.tests.people import BACKEND
from gas.clock import database_now

PAGE = {"Accept": "text/html,*/*;q=0.8"}  # of what a person opens; a page's own parts are asked for as */*
TICKS = {"terms": "on", "consent": "on"}


@pytest.fixture
def agreed(client: Client, user: User, settings) -> Client:
    """The browser of somebody who agreed to the terms before the ones of now."""
    Consent.objects.create(user=user, terms_version="before", agreed_at=database_now())
    settings.TERMS_VERSION = "now"
    client.force_login(user, backend=BACKEND)
    return client


def test_a_page_asks_for_the_new_terms_once_and_then_opens(agreed: Client, user: User):
    asked = agreed.get("/accounts/plan/?a=1", headers=PAGE)
    assert asked.headers["Location"] == "/accounts/terms/agree/?next=%2Faccounts%2Fplan%2F%3Fa%3D1"
    assert b"The terms have changed" in agreed.get(asked.headers["Location"], headers=PAGE).content

    answer = agreed.post(asked.headers["Location"], TICKS)

    assert answer.headers["Location"] == "/accounts/plan/?a=1"
    assert agreed.get("/accounts/plan/", headers=PAGE).status_code == 200
    assert sorted(user.consents.values_list("terms_version", flat=True)) == ["before", "now"]


def test_without_both_ticks_nothing_is_agreed_to(agreed: Client, user: User):
    answer = agreed.post("/accounts/terms/agree/", {"terms": "on"})

    assert b"Without your agreement we may not process genetic data." in answer.content
    assert user.consents.count() == 1
    assert agreed.get("/accounts/plan/", headers=PAGE).status_code == 302


@pytest.mark.parametrize("path", ["terms/", "privacy/", "data/", "delete/", "terms/agree/"])
def test_who_does_not_agree_can_read_take_their_data_and_leave(agreed: Client, path):
    assert "/terms/agree/" not in agreed.get(f"/accounts/{path}", headers=PAGE).headers.get("Location", "")


def test_what_is_under_way_goes_on(agreed: Client):
    assert agreed.get("/accounts/plan/").status_code == 200  # what a page loads by itself
    assert agreed.get("/accounts/plan/", headers={**PAGE, "HX-Request": "true"}).status_code == 200
    saved = agreed.post("/accounts/profile/", {"name": "New name"}, headers=PAGE)
    assert saved.headers["Location"] == "/accounts/profile/"


def test_who_agreed_to_the_terms_of_now_or_to_none_is_not_asked(client: Client, user: User, settings):
    client.force_login(user, backend=BACKEND)
    assert client.get("/accounts/plan/", headers=PAGE).status_code == 200  # made from the command line
    Consent.objects.create(user=user, terms_version=settings.TERMS_VERSION, agreed_at=database_now())
    assert client.get("/accounts/plan/", headers=PAGE).status_code == 200
    assert client.get("/accounts/terms/agree/").headers["Location"] == "/jobs/"


def test_an_open_page_is_asked_when_the_terms_change_meanwhile(agreed: Client, settings):
    agreed.post("/accounts/terms/agree/", TICKS)
    settings.TERMS_VERSION = "later"

    assert "/terms/agree/" in agreed.get("/accounts/plan/", headers=PAGE).headers["Location"]


def test_the_way_on_leads_nowhere_else(agreed: Client):
    answer = agreed.post("/accounts/terms/agree/?next=https://elsewhere.example", TICKS)

    assert answer.headers["Location"] == "/jobs/"
