"""The list of what happened."""

from __future__ import annotations

from datetime import date
from typing import Final
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.db.models.functions import Now
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.access import signed_in
from annotations.notices.models import Notice, NoticeKind
from annotations.sharing.granting import shown_name

LISTED: Final = 100


@login_required
@require_safe
def notices(request: HttpRequest) -> HttpResponse:
    """The newest notices of the user."""
    found = Notice.objects.filter(user=signed_in(request)).select_related("job__owner").order_by("-at", "pk")[:LISTED]
    rows = [(notice, _sentence(notice)) for notice in found]
    context = {"rows": rows, "has_unread": any(notice.read_at is None for notice, _ in rows), "listed": LISTED}
    return render(request, "annotations/notices/notices.html", context)


@login_required
@require_safe
def notice(request: HttpRequest, notice_id: UUID) -> HttpResponse:
    """Lead on to what a notice is about; it is read then."""
    mine = Notice.objects.filter(user=signed_in(request), pk=notice_id)
    found = mine.first()
    if found is None:
        raise Http404
    mine.filter(read_at__isnull=True).update(read_at=Now())
    return redirect("annotations:job", found.job_id) if found.job_id else redirect("annotations:jobs")


@login_required
@require_POST
def notices_read(request: HttpRequest) -> HttpResponse:
    """All of the user's notices are read."""
    Notice.objects.filter(user=signed_in(request), read_at__isnull=True).update(read_at=Now())
    return redirect("annotations:notices")


def _day(text: str) -> str:
    """A day as people write it; the next one where an old notice has none."""
    return f"{date.fromisoformat(text):%-d %B}" if text else "the next day"


def _sentence(notice: Notice) -> str:
    """What happened, in words."""
    number = notice.detail.get("results", 1)
    results = f"{number:,} result{'' if number == 1 else 's'}"
    match notice.kind:
        case NoticeKind.JOB_COMPLETED if notice.job:
            return f"{notice.job.name} is annotated."
        case NoticeKind.JOB_FAILED if notice.job:
            return f"{notice.job.name} failed. Its page says why and what to do."
        case NoticeKind.GOING_COLD:
            return f"{results} will be archived on {_day(notice.detail.get('day', ''))}."
        case NoticeKind.RESTORED:
            return f"{results} {'is' if number == 1 else 'are'} back from the archive."
        case NoticeKind.SHARED if notice.job:
            return f"{shown_name(notice.job.owner)} shares {notice.job.name} with you."
    return str(notice.get_kind_display())
