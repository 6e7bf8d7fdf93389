"""Results and their storage for the staff: where each is, what moves, what it costs; archive and ask back."""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path
from django.utils.translation import ngettext

from accounts.access import signed_in
from annotations.admin import BoundedPaginator, OwnedAdmin
from annotations.models import Result
from archival import by_hand, costs
from archival.ledger import MINIMUM_DAYS
from archival.models import Operation, Recall, StoredResult
from gas.admin import ReadOnlyAdmin
from gas.clock import database_now

MAX_AT_ONCE = 1_000  # results that one action touches
OWNERS_SHOWN = 50


@admin.register(StoredResult)
class StoredResultAdmin(OwnedAdmin):
    """Where results are; their owners' names, not their content."""

    list_display = ("job_name", "owner", "storage", "archive_due_at", "archived_at", "restore_expected_at", "trouble")
    list_filter = ("storage",)
    list_select_related = ("job__owner", "custody")
    ordering = ("-job__submitted_at", "job__id")
    owner_path = "job__owner"
    actions = ("archive", "ask_back")
    change_list_template = "archival/admin/results.html"

    @admin.display(description="Job")
    def job_name(self, result: StoredResult) -> str:
        """The job's name."""
        return result.job.name

    @admin.display(description="Owner")
    def owner(self, result: StoredResult) -> str:
        """The owner's address."""
        return result.job.owner.email

    @admin.display(description="Last failure")
    def trouble(self, result: StoredResult) -> str:
        """Why it does not get on."""
        custody = getattr(result, "custody", None)
        return custody.last_error if custody else ""

    @admin.action(description="Archive now", permissions=["move"])
    def archive(self, request: HttpRequest, queryset: QuerySet[StoredResult]) -> None:
        """Hot results go to the cold store."""
        moved = sum(by_hand.archive(result, by=signed_in(request)) for result in _chosen(queryset))
        self.message_user(request, f"{moved} {ngettext('result goes', 'results go', moved)} to the archive.")

    @admin.action(description="Ask back from the archive", permissions=["move"])
    def ask_back(self, request: HttpRequest, queryset: QuerySet[StoredResult]) -> None:
        """Cold results come back."""
        moved = sum(by_hand.ask_back(result, by=signed_in(request)) for result in _chosen(queryset))
        self.message_user(request, f"{moved} {ngettext('result was', 'results were', moved)} asked back.")

    def has_move_permission(self, request: HttpRequest) -> bool:
        """Who may change results may move them, though nobody edits their columns here."""
        return bool(request.user.has_perm("annotations.change_result"))

    def get_urls(self) -> list[URLPattern | URLResolver]:  # type: ignore[override]
        """The costs page beside the list."""
        own = [path("costs/", self.admin_site.admin_view(self.costs_page), name="archival_costs")]
        return [*own, *super().get_urls()]

    def costs_page(self, request: HttpRequest) -> TemplateResponse:
        """Bytes, requests and dollars: in all, and of the owners with most in the archive."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        month = database_now().date().replace(day=1)
        owners = [(owner, costs.of_month(month, [owner.pk])) for owner in costs.largest_owners(OWNERS_SHOWN)]
        context = {
            **self.admin_site.each_context(request),
            "title": "Storage and costs",
            "month": month,
            "in_all": costs.of_month(month),
            "owners": owners,
            "operations": Operation.choices,
            "prices": sorted(settings.PRICES.items()),
            "minimum_days": MINIMUM_DAYS,
        }
        return TemplateResponse(request, "archival/admin/costs.html", context)


@admin.register(Recall)
class RecallAdmin(ReadOnlyAdmin):
    """What was asked back together, and how far it is."""

    list_display = ("id", "owner", "cause", "tier", "results_back", "created_at", "finished_at")
    list_filter = ("cause", "tier")
    list_select_related = ("owner",)
    ordering = ("-created_at",)
    paginator = BoundedPaginator


def _chosen(queryset: QuerySet[StoredResult]) -> list[Result]:
    ids = list(queryset.values_list("pk", flat=True)[:MAX_AT_ONCE])
    return list(Result.objects.select_related("job__owner").filter(pk__in=ids))
