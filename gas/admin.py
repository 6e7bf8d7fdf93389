"""Operation in the admin: pauses, incidents, the outbox (with retry), the sweeps, the audit log."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.html import format_html

from gas import audit, pausing
from gas.models import AuditEntry, AuditSeal, Incident, OutboxMessage, OutboxStatus, ServiceState, SweepRun

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


class ServiceStateForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic when run
    """Pause, drain, banner: as an admin thinks of them."""

    paused = forms.BooleanField(required=False, label="Pause new jobs", help_text="Nobody can upload or submit.")
    draining = forms.BooleanField(
        required=False,
        label="Drain the workers",
        help_text="Workers finish what they have and start nothing; what waits keeps waiting.",
    )

    class Meta:
        model = ServiceState
        fields = ("pause_reason", "banner")
        widgets = {name: forms.Textarea(attrs={"rows": 2, "maxlength": pausing.MAX_TEXT - 1}) for name in fields}
        help_texts = {
            "pause_reason": "Every page shows it while new jobs are paused: why, and until when.",
            "banner": "Shown on top of every page, paused or not. Empty: nothing.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["paused"].initial = self.instance.paused_since is not None
        self.fields["draining"].initial = self.instance.draining_since is not None

    def clean(self) -> dict[str, Any]:
        """A pause has a reason, and nobody fills a queue that no worker empties."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("paused") and not cleaned.get("pause_reason", "").strip():
            self.add_error("pause_reason", "Say why: users read the reason.")
        if cleaned.get("draining") and not cleaned.get("paused"):
            self.add_error("draining", "Pause new jobs too while the workers drain.")
        return cleaned


@admin.register(ServiceState)
class ServiceStateAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic when run
    """The one row that pauses the service."""

    form = ServiceStateForm
    fields = ("paused", "pause_reason", "draining", "banner")

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> ServiceState:
        """There always is one."""
        return ServiceState.objects.get_or_create(pk=ServiceState.ONLY)[0]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """A list of one row is its page."""
        return redirect("admin:gas_servicestate_change", ServiceState.ONLY)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """There is one."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """There is one."""
        return False

    def save_model(self, request: HttpRequest, obj: ServiceState, form: ServiceStateForm, change: bool) -> None:
        """Through gas.pausing, so that it is audited and the times are the database's."""
        given, before = form.cleaned_data, pausing.state()
        assert request.user.is_authenticated  # noqa: S101 - the admin site let them in
        ends = (before.paused_since and not given["paused"]) or (before.draining_since and not given["draining"])
        if ends:
            pausing.resume(request.user)
        if given["paused"] and (ends or {"paused", "pause_reason"} & set(form.changed_data)):
            pausing.pause(given["pause_reason"], request.user)
        if given["draining"] and not before.draining_since:
            pausing.drain(request.user)
        if "banner" in form.changed_data:
            pausing.show_banner(given["banner"], request.user)


@admin.register(Incident)
class IncidentAdmin(ReadOnlyAdmin):
    """The traceback behind a code that a user was shown."""

    list_display = ("code", "at", "place", "error")
    search_fields = ("code__istartswith",)
    search_help_text = "The code from the page that a user saw, or the id of a job."
    ordering = ("-at",)
    fields = ("code", "at", "place", "error", "traceback_text")
    readonly_fields = ("traceback_text",)

    @admin.display(description="Traceback")
    def traceback_text(self, incident: Incident) -> str:
        """As it was, its lines kept."""
        return format_html("<pre>{}</pre>", incident.traceback)


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
