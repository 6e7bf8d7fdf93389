"""Who may look at a job's result besides its owner, and when they did."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import CheckConstraint, Q


class Share(models.Model):
    """Leave to look at one result until a moment: for whoever has a link, or for the holder of an address."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    job = models.ForeignKey("annotations.Job", on_delete=models.CASCADE, related_name="shares")
    digest = models.CharField(max_length=64, unique=True, null=True, blank=True)
    email = models.EmailField(max_length=254, blank=True, default="")  # in lower case, as the owner typed it
    # Whose address it is, from their first look on: then it follows the account, not the address.
    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="shares_received"
    )
    needs_sign_in = models.BooleanField(default=True)
    allows_downloads = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            CheckConstraint(
                name="share_link_or_address",
                condition=Q(digest__isnull=False, email="") | (Q(digest__isnull=True) & ~Q(email="")),
            ),
            CheckConstraint(
                name="share_with_a_person_needs_sign_in", condition=Q(digest__isnull=False) | Q(needs_sign_in=True)
            ),
        ]
        indexes = [
            # What somebody was shown: by address until the first look.
            models.Index(fields=["email"], name="share_address", condition=~Q(email="")),
            # The sweep: what ended long ago.
            models.Index(fields=["expires_at"], name="share_expiry"),
        ]

    def __str__(self) -> str:
        return f"share of {self.job_id}"

    @property
    def asks_sign_in(self) -> bool:
        """As its owner or the operator says."""
        return self.needs_sign_in or not settings.PUBLIC_LINKS

    @property
    def is_link(self) -> bool:
        """For whoever has the link."""
        return self.digest is not None


class ShareOpening(models.Model):
    """Somebody opened what was shared; nothing of their machine or network is kept."""

    id = models.BigAutoField(primary_key=True)
    share = models.ForeignKey(Share, on_delete=models.CASCADE, related_name="openings")
    # Who was signed in; None: nobody, or a user who has left.
    reader = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["share", "-at"], name="share_opening_newest")]

    def __str__(self) -> str:
        return f"opening of {self.share_id}"
