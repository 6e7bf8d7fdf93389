"""Operation in the admin: the outbox (with retry), the sweeps, the audit log. Read-only otherwise."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest

from gas import audit
from gas.models import AuditEntry, AuditSeal, OutboxMessage, OutboxStatus, SweepRun

admin.site.site_header = admin.site.site_title = "GAS"
admin.site.index_title = "Administration"
admin.site.index_template = "admin/start.html"


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows that only the service writes."""

    show_full_result_count = False  # counting millions of rows for a page of a hundred
    list_per_page = 100

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes."""
        return False


@admin.register(OutboxMessage)
class OutboxMessageAdmin(ReadOnlyAdmin):
    """Promised effects; those that failed for good can be tried again."""

    list_display = ("kind", "status", "tries", "due_at", "done_at", "last_error")
    list_filter = ("status", "kind")
    search_fields = ("dedupe_key",)
    ordering = ("-created_at",)
    actions = ("try_again",)

    @admin.action(description="Try again now")
    def try_again(self, request: HttpRequest, queryset: QuerySet[OutboxMessage]) -> None:
        """Failed and waiting messages become due at once, with all their tries before them."""
        chosen = queryset.exclude(status=OutboxStatus.DONE)
        count = chosen.update(status=OutboxStatus.PENDING, tries=0, due_at=Now(), lease_until=None)
        audit.record("retry outbox", request.user if request.user.is_authenticated else None, count=count)
        self.message_user(request, f"{count} will be tried at the next sweep.")


@admin.register(SweepRun)
class SweepRunAdmin(ReadOnlyAdmin):
    """When each sweep last ran."""

    list_display = ("name", "started_at", "finished_at", "running_until")


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Who did what; the person is a pseudonym."""

    list_display = ("at", "action", "actor", "target", "seal")
    list_filter = ("action",)
    search_fields = ("=actor", "=target")
    ordering = ("-id",)


@admin.register(AuditSeal)
class AuditSealAdmin(ReadOnlyAdmin):
    """The chain of seals."""

    list_display = ("number", "entries_count", "digest", "sealed_at")
    ordering = ("-number",)
