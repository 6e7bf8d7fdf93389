"""Tokens for programs: 32 random bytes, shown once, kept as a digest."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from accounts.models import User
from accounts.security.models import ApiToken
from gas import audit, clock
from gas.clock import from_now

PREFIX = "gas_"
SCOPES = {"jobs:read": "Read jobs and download results", "jobs:write": "Submit, cancel and delete jobs"}
MAX_DAYS = 365
MAX_TOKENS = 50
USE_NOTED_EVERY = timedelta(minutes=1)  # so that a call costs no write


class TokenError(Exception):
    """The token cannot be made; the message is a sentence for the user."""


def make(user: User, name: str, scopes: list[str], days: int) -> tuple[ApiToken, str]:
    """A new token and its text, which nobody can show again. Raises TokenError."""
    if not scopes or not set(scopes) <= set(SCOPES):
        raise TokenError("Choose what the token may do.")
    if not 1 <= days <= MAX_DAYS:
        raise TokenError(f"A token lives from 1 to {MAX_DAYS} days.")
    text = PREFIX + secrets.token_urlsafe(32)
    now = clock.database_now()
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        if working(user).count() >= MAX_TOKENS:
            raise TokenError(f"You have {MAX_TOKENS} tokens. Revoke one that you need no more.")
        token = ApiToken.objects.create(
            user=user,
            name=name,
            beginning=text[:12],
            digest=_digest(text),
            scopes=sorted(scopes),
            created_at=now,
            expires_at=now + timedelta(days=days),
        )
        audit.record("token.made", user, f"token:{token.pk}", scopes=token.scopes)
    return token, text


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def find(text: str) -> ApiToken | None:
    """The token that a program shows, with its user; None where it does not work. The caller looks at its scopes."""
    if not text.startswith(PREFIX):
        return None
    token = working().select_related("user").filter(digest=_digest(text), user__is_active=True).first()
    if token is None:
        return None
    stale = Q(last_used_at__isnull=True) | Q(last_used_at__lt=from_now(-USE_NOTED_EVERY))
    ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=Now())
    return token


def working(user: User | None = None) -> QuerySet[ApiToken]:
    """Tokens that are neither revoked nor expired, newest first."""
    tokens = ApiToken.objects.filter(revoked_at__isnull=True, expires_at__gt=Now()).order_by("-created_at")
    return tokens if user is None else tokens.filter(user=user)


def revoke(user: User, token_id: UUID) -> bool:
    """End a token of the user's at once."""
    with transaction.atomic():
        if not ApiToken.objects.filter(user=user, pk=token_id, revoked_at__isnull=True).update(revoked_at=Now()):
            return False
        audit.record("token.revoked", user, f"token:{token_id}")
    return True
