"""Users, plans, registrations and invitations for admins."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django_otp.plugins.otp_totp.models import TOTPDevice
from social_django.models import Association, Nonce, UserSocialAuth

from accounts import plans
from accounts.amounts import BYTES, MOST, TIMES, BytesField, TimeField, written
from accounts.billing.admin import customer_to_sync
from accounts.models import Consent, Invitation, Plan, Registration, User
from gas import audit, outbox

# Nobody links identities or reads the keys of second factors by hand.
for _model in (TOTPDevice, UserSocialAuth, Nonce, Association):
    admin.site.unregister(_model)


class UserForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic when run
    """A user as an admin sees it; the plan is set through the override, with a reason."""

    suspension_reason = forms.CharField(
        max_length=300,
        required=False,
        help_text="Needed to suspend somebody or to let them in again; it goes into the audit log.",
    )

    class Meta:
        model = User
        fields = (
            "name",
            "institution",
            "is_active",
            "is_staff",
            "is_superuser",
            "groups",
            "plan_override",
            "plan_override_until",
            "plan_override_reason",
        )
        labels = {"is_active": "May sign in"}
        help_texts = {
            "is_active": "Off: suspended. All sessions end at once and tokens are refused; jobs and results stay.",
            "plan_override": "Goes before billing while it holds. Empty: the plan follows billing.",
            "plan_override_until": "Empty: until an admin takes it back.",
            "plan_override_reason": "Needed for every change; it goes into the audit log.",
        }

    def clean(self) -> dict[str, Any]:
        """A change of the plan needs a reason of its own, not the last one's."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.plan_changes() and (
            not cleaned.get("plan_override_reason", "").strip() or "plan_override_reason" not in self.changed_data
        ):
            self.add_error("plan_override_reason", "Say why the plan changes.")
        if "is_active" in self.changed_data and not cleaned.get("suspension_reason", "").strip():
            self.add_error("suspension_reason", "Say why this user is suspended or let in again.")
        return cleaned

    def plan_changes(self) -> bool:
        """The admin touched the plan or its end."""
        return bool({"plan_override", "plan_override_until"} & set(self.changed_data))


@admin.register(User)
class UserAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic when run
    """Find a user, see the plan, set it with a reason."""

    form = UserForm
    change_form_template = "accounts/admin/billed.html"
    list_display = ("email", "name", "institution", "plan_code", "is_active", "is_staff", "date_joined")
    list_filter = ("plan_code", "is_active", "is_staff")
    search_fields = ("email__istartswith", "name__istartswith", "id")
    search_help_text = "Beginning of the address or name, or the id"
    ordering = ("-date_joined",)
    show_full_result_count = False
    list_per_page = 50
    readonly_fields = ("id", "email", "email_confirmed_at", "date_joined", "last_login", "plan_code", "plan_changed_at")
    filter_horizontal = ("groups",)
    fieldsets = (
        (None, {"fields": ("id", "email", "email_confirmed_at", "name", "institution", "date_joined", "last_login")}),
        (
            "Plan",
            {
                "fields": (
                    "plan_code",
                    "plan_changed_at",
                    "plan_override",
                    "plan_override_until",
                    "plan_override_reason",
                )
            },
        ),
        ("Suspension", {"fields": ("is_active", "suspension_reason")}),
        ("Rights", {"fields": ("is_staff", "is_superuser", "groups")}),
    )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The user, with the button to read their subscription again."""
        extra_context = {
            **(extra_context or {}),
            "customer": customer_to_sync(request, self.get_object(request, object_id)),
        }
        return super().change_view(request, object_id, form_url, extra_context)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """People make their own accounts; the first admin comes from the command line."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Leaving is a process that deletes files too, not the deletion of a row."""
        return False

    def save_model(self, request: HttpRequest, obj: User, form: UserForm, change: bool) -> None:
        """The plan's columns go through accounts.plans; only a superuser gives rights."""
        if {"is_staff", "is_superuser", "groups"} & set(form.changed_data) and not request.user.is_superuser:
            raise PermissionDenied
        plain = [
            name for name in form.changed_data if not name.startswith(("plan_", "suspension_")) and name != "groups"
        ]
        if plain:
            obj.save(update_fields=plain)
        if "is_active" in plain:
            assert isinstance(request.user, User)  # noqa: S101  # the admin site let them in
            action = "let user in" if obj.is_active else "suspend user"
            audit.record(action, request.user, f"user:{obj.pk}", reason=form.cleaned_data["suspension_reason"].strip())
        if form.plan_changes():
            assert isinstance(request.user, User)  # noqa: S101  # the admin site let them in
            plans.override(
                obj.pk, obj.plan_override, obj.plan_override_reason, by=request.user, until=obj.plan_override_until
            )


class PlanForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic when run
    """A plan's figures in units that people read."""

    max_file_bytes = BytesField(label="Largest upload", help_text="One file, as it is sent: 25 MB, 5 GB.")
    max_open_jobs = forms.IntegerField(label="Open jobs", min_value=1, help_text="Waiting and running, at a time.")
    max_jobs_per_day = forms.IntegerField(label="Jobs a day", min_value=1, help_text="Submitted within 24 hours.")
    max_storage_bytes = BytesField(label="Storage", help_text="Inputs and results together: 2 GB, 1 TB.")
    hot_retention_seconds = TimeField(
        label="Results stay hot", required=False, help_text="Then they are archived. Empty: as long as the job lives."
    )
    input_retention_seconds = TimeField(
        label="Uploads are kept", minimum=60, help_text="After the last job that used one: 30 days."
    )

    class Meta:
        model = Plan
        fields = (
            "max_file_bytes",
            "max_open_jobs",
            "max_jobs_per_day",
            "max_storage_bytes",
            "hot_retention_seconds",
            "input_retention_seconds",
            "own_sources",
        )

    def clean(self) -> dict[str, Any]:
        """Figures that fit each by itself but not together."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("max_file_bytes", 0) > cleaned.get("max_storage_bytes", MOST):
            self.add_error("max_file_bytes", "A file of this size would not fit into the storage.")
        return cleaned


COLUMN_UNITS = {
    "max_file_bytes": BYTES,
    "max_storage_bytes": BYTES,
    "hot_retention_seconds": TIMES,
    "input_retention_seconds": TIMES,
}


@admin.register(Plan)
class PlanAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic when run
    """The figures of the plans. What the environment sets is shown and goes before the row."""

    form = PlanForm
    list_display = (
        "code",
        "largest_upload",
        "max_open_jobs",
        "max_jobs_per_day",
        "storage",
        "hot",
        "set_by_environment",
    )
    fields = ("code", *PlanForm.Meta.fields, "set_by_environment")
    readonly_fields = ("code", "set_by_environment")

    @admin.display(description="set by the environment")
    def set_by_environment(self, plan: Plan) -> str:
        """Which figures do not come from this row."""
        taken = plans.overridden(plan)
        figures = [
            f"{PlanForm.base_fields[column].label}: {_shown(column, value)} ({name})"
            for column, (name, value) in taken.items()
        ]
        return ", ".join(figures) or "nothing"

    @admin.display(description="largest upload", ordering="max_file_bytes")
    def largest_upload(self, plan: Plan) -> str:
        """With its unit."""
        return _shown("max_file_bytes", plan.max_file_bytes)

    @admin.display(description="storage", ordering="max_storage_bytes")
    def storage(self, plan: Plan) -> str:
        """With its unit."""
        return _shown("max_storage_bytes", plan.max_storage_bytes)

    @admin.display(description="results stay hot", ordering="hot_retention_seconds")
    def hot(self, plan: Plan) -> str:
        """With its unit; some stay as long as the job."""
        seconds = plan.hot_retention_seconds
        return "always" if seconds is None else _shown("hot_retention_seconds", seconds)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """The code knows the plans by name."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """The code knows the plans by name."""
        return False


def _shown(column: str, value: int) -> str:
    return written(value, COLUMN_UNITS[column]) if column in COLUMN_UNITS else f"{value:,}"


@admin.register(Registration)
class RegistrationAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic when run
    """Who asked for an account and has not confirmed yet; read only."""

    list_display = ("email", "created_at", "expires_at")
    fields = ("email", "name", "institution", "created_at", "expires_at")
    ordering = ("-created_at",)
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """They come from the sign-up page."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """They are confirmed by mail or expire."""
        return False


@admin.register(Invitation)
class InvitationAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic when run
    """Addresses that may sign up where sign-up is by invitation; each gets a mail that says so."""

    list_display = ("email", "invited_by", "created_at")
    fields = ("email",)
    list_select_related = ("invited_by",)

    def save_model(self, request: HttpRequest, obj: Invitation, form: Any, change: bool) -> None:
        """Note who invited."""
        if not change:
            assert isinstance(request.user, User)  # noqa: S101  # the admin site let them in
            obj.invited_by = request.user
        with transaction.atomic():
            obj.save()
            if not change:
                payload = {"template": "invited", "invitation": str(obj.pk)}
                outbox.promise("accounts.mail", f"invited:{obj.pk}:{obj.created_at:%Y%m%d%H%M%S}", payload)


@admin.register(Consent)
class ConsentAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic when run
    """Who agreed to which terms; read only."""

    list_display = ("user", "terms_version", "agreed_at")
    list_select_related = ("user",)
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only the user can agree."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What was agreed to stays as it was."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What was agreed to stays as it was."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Consent]:
        """Newest first."""
        return super().get_queryset(request).order_by("-pk")


# The admin pages of the app's own packages register themselves when they are imported.
from accounts.erasure import admin as _erasure  # noqa: E402, F401
