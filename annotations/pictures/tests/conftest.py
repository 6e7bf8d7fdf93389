"""Finished jobs with pictures to look at."""

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
from annotations.tests.conftest import _own_storage as _own_storage
from annotations.tests.conftest import make_job as make_job
from annotations.tests.conftest import make_user as make_user

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
