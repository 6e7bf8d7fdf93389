"""Signed-in people for the tests of every app."""

from __future__ import annotations

from uuid import uuid4

from django.test import Client

from accounts.models import User
from accounts.security.second_factor import PASSED

BACKEND = "django.contrib.auth.backends.ModelBackend"


def sign_in_staff(client: Client, user: User) -> None:
    """Sign in somebody of the staff, who has passed the second factor."""
    user.second_factor = uuid4()
    user.save(update_fields=["second_factor"])
    client.force_login(user, backend=BACKEND)
    session = client.session
    session[PASSED] = str(user.second_factor)
    session.save()
    client.get("/healthz")  # the first page of a session writes it down
