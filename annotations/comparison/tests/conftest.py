"""Results with tables, as the explorer's tests make them."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import User
from accounts.tests.people import BACKEND

# Fixtures of the app, by the names under which pytest finds them.
from annotations.explorer.tests.conftest import _own_explorer, _patient, make_result  # noqa: F401
from annotations.tests.conftest import _own_storage, make_job, make_user, user  # noqa: F401


@pytest.fixture
def client(user: User) -> Client:  # noqa: F811
    browser = Client()
    browser.force_login(user, backend=BACKEND)
    return browser
