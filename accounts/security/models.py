"""Sessions a user can see and end, recovery codes, tokens for programs."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q, UniqueConstraint


class SignIn(models.Model):
    """One signed-in browser, so that its user can see it and end it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="sign_ins")
    session_key = models.CharField(max_length=40, unique=True)
    browser = models.CharField(max_length=200, blank=True)  # what it says of itself
    created_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()

    class Meta:
        indexes = [
            # The list of a user's sessions, the last used first.
            models.Index(fields=["user", "-last_seen_at"], name="sign_in_list"),
            # The sweep: sessions that are over.
            models.Index(fields=["last_seen_at"], name="sign_in_idle"),
        ]

    def __str__(self) -> str:
        return f"sign-in of {self.user_id}"


class RecoveryCode(models.Model):
    """Stands in for the second factor once, when the device is lost. Only its digest is kept."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="recovery_codes")
    digest = models.CharField(max_length=64)  # SHA-256 of 80 random bits

    class Meta:
        constraints = [UniqueConstraint(fields=["user", "digest"], name="recovery_code_once")]

    def __str__(self) -> str:
        return f"recovery code of {self.user_id}"


class ApiToken(models.Model):
    """Lets a program act for a user within scopes, until it expires or is revoked. Only its digest is kept."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100)
    beginning = models.CharField(max_length=12)  # gas_ and a few letters, to tell tokens apart
    digest = models.CharField(max_length=64, unique=True)  # SHA-256 of the whole token
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    # The minute that is being counted, shared by all web processes. Written by accounts.security.tokens only.
    counted_since = models.DateTimeField(null=True, blank=True)
    calls = models.PositiveIntegerField(default=0, db_default=0)  # within that minute

    class Meta:
        indexes = [
            # The list of a user's tokens that still work.
            models.Index(fields=["user", "-created_at"], name="token_list", condition=Q(revoked_at__isnull=True))
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.beginning}…)"
