"""Pages to ask for one's data and to download it."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import signed_in
from accounts.takeout import work
from accounts.takeout.models import TakeOut, TakeOutStatus
from gas import audit, clock


@login_required
@require_http_methods(["GET", "POST"])
def takeout(request: HttpRequest) -> HttpResponse:
    """Ask for a pack; see what is ready."""
    user = signed_in(request)
    if request.method == "POST":
        work.request_takeout(user)
        return redirect("accounts:takeout")
    packs = TakeOut.objects.filter(user=user, expires_at__gt=clock.database_now()).order_by("-requested_at")[:10]
    context = {
        "packs": packs,
        "is_packing": any(one.status == TakeOutStatus.REQUESTED for one in packs),
        "days": settings.TAKEOUT_DAYS,
    }
    return render(request, "accounts/leaving/takeout.html", context)


@login_required
@require_safe
def download(request: HttpRequest, takeout_id: UUID) -> HttpResponseBase:
    """One's own pack, as a file."""
    user = signed_in(request)
    one = TakeOut.objects.filter(
        pk=takeout_id, user=user, status=TakeOutStatus.READY, expires_at__gt=clock.database_now()
    ).first()
    if one is None:
        raise Http404
    try:
        file = work.area().open(one.storage_key)
    except FileNotFoundError:
        raise Http404 from None
    audit.record("download takeout", user, f"takeout:{one.pk}")
    name = f"gas-data-{one.requested_at:%Y-%m-%d}.zip"
    return FileResponse(file, as_attachment=True, filename=name, content_type="application/zip")
