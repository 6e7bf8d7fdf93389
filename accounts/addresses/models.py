"""Wishes for another address, and those that were carried out."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models


class AddressChange(models.Model):
    """One change of a user's address. An open one expires; one that was done stays, for the old address is theirs too.

    What was sent to the old address is found by it when the account is erased.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="address_changes")
    new_email = models.EmailField(max_length=254)
    old_email = models.EmailField(max_length=254, blank=True, default="")  # as it was when the change was done
    requested_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)
    undone_at = models.DateTimeField(null=True, blank=True)  # taken back from the old address

    class Meta:
        indexes = [
            # The sweep: open ones whose time is up.
            models.Index(fields=["expires_at"], name="address_change_expiry", condition=models.Q(done_at__isnull=True))
        ]

    def __str__(self) -> str:
        return f"address change {self.id}"
