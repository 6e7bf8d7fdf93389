"""Tokens for programs: 32 random bytes, shown once, kept as a digest."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Case, F, Q, QuerySet, When
from django.db.models.functions import Now

from accounts.models import User
from accounts.security.models import ApiToken
from gas import audit, clock
from gas.clock import from_now

PREFIX = "gas_"
SCOPES = {"jobs:read": "Read jobs and download results", "jobs:write": "Submit, cancel and delete jobs"}
MAX_DAYS = 365
MAX_TOKENS = 50
USE_NOTED_EVERY = timedelta(minutes=1)
COUNTED_FOR = timedelta(minutes=1)


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


def count_call(token: ApiToken, limit: int) -> bool:
    """Count a call of the token's; False when it has made `limit` within its minute already.

    One conditional UPDATE, so that all web processes count together. A minute begins with its first call.
    """
    goes_on = Q(counted_since__gt=from_now(-COUNTED_FOR))
    passes = ApiToken.objects.filter(Q(counted_since__isnull=True) | ~goes_on | Q(calls__lt=limit), pk=token.pk)
    return bool(
        passes.update(
            calls=Case(When(goes_on, then=F("calls") + 1), default=1),
            counted_since=Case(When(goes_on, then=F("counted_since")), default=Now()),
        )
    )


def seconds_until_next_minute(token: ApiToken) -> float:
    """How long a token that has made its calls waits; 0 where a new minute has begun or it is gone."""
    since = ApiToken.objects.filter(pk=token.pk).values_list("counted_since", flat=True).first()
    return 0 if since is None else max(0.0, (since + COUNTED_FOR - clock.database_now()).total_seconds())


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
