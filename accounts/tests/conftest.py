"""People to test with, and the mails they get."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import count

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.core import mail
from django.utils import timezone

from accounts.models import User
from accounts.tests.billing import double, patience, plan_changes_are_heard  # noqa: F401  # fixtures
from gas import outbox

PASSWORD = "correct horse battery"

_numbers = count()


@pytest.fixture(autouse=True)
def _cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 as in production, at the least cost: these tests hash hundreds of passwords."""
    monkeypatch.setattr(Argon2PasswordHasher, "time_cost", 1)
    monkeypatch.setattr(Argon2PasswordHasher, "memory_cost", 64)
    monkeypatch.setattr(Argon2PasswordHasher, "parallelism", 1)


@pytest.fixture
def make_user(db: None) -> Callable[..., User]:
    def make(**fields) -> User:
        fields = {"email": f"person{next(_numbers)}@example.org", "name": "A person", "password": PASSWORD, **fields}
        fields.setdefault("email_confirmed_at", timezone.now())
        return User.objects.create_user(**fields)

    return make


@pytest.fixture
def user(make_user: Callable[..., User]) -> User:
    return make_user()


@pytest.fixture
def admin(make_user: Callable[..., User]) -> User:
    return make_user(is_staff=True, is_superuser=True)


def sent_mails() -> list[mail.EmailMessage]:
    """Do what the outbox promised; all mails so far."""
    outbox.sweep()
    return mail.outbox


def link_in(message: mail.EmailMessage) -> str:
    """The path of the first link of a mail."""
    found = re.search(r"http://localhost:\d+(/\S+)", str(message.body))
    assert found, message.body
    return found[1]
