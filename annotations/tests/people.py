"""A person with a browser and finished jobs, for the packages below this one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from annotations import transitions
from annotations.models import Job, Result
from annotations.tests.conftest import MakeJob, MakeUser, finished, take

MakeDone = Callable[[dict[str, Any]], Job]


@pytest.fixture
def person(make_user: MakeUser, db: None) -> User:
    return make_user(email_confirmed_at=timezone.now())


@pytest.fixture
def browser(person: User) -> Client:
    client = Client()
    client.force_login(person)
    client.get("/healthz")
    return client


@pytest.fixture
def make_done(person: User, make_job: MakeJob) -> MakeDone:
    """A done job of the person, with a summary."""

    def make(summary: dict[str, Any]) -> Job:
        job = make_job(person)
        claim = take(job)
        assert transitions.complete(claim, finished(claim))
        Result.objects.filter(job=job).update(summary=summary)
        job.refresh_from_db()
        return job

    return make
