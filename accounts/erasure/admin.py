"""Deletions of accounts for admins: what is due, what waits and for what. Read only."""

from __future__ import annotations

from django.contrib import admin

from accounts.erasure.models import Erasure
from gas.admin import ReadOnlyAdmin


@admin.register(Erasure)
class ErasureAdmin(ReadOnlyAdmin):
    """Deletions by when they are due."""

    list_display = ("user_id", "status", "requested_at", "due_at", "ended_at", "tries", "waiting_for", "last_error")
    list_filter = ("status",)
    search_fields = ("user_id",)
    ordering = ("-due_at",)
