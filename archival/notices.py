"""The day before results are archived, their owners are told: one mail for all results of that day.

Each UTC day is looked through once, when the day before has begun. Whoever keeps results for two
days or more has all results of that day on record by then; whoever keeps them for less gets no mail.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from django.db import transaction
from django.db.models import Count, QuerySet
from django.db.models.functions import Now

from accounts.models import User
from annotations.models import NoticeKind, Result, StorageState
from annotations.notices.telling import tell
from archival.models import NoticeDay
from gas import outbox
from gas.clock import database_now

GOING_COLD = "archival.going_cold"  # the outbox's kind
SHORTEST_RETENTION = timedelta(days=2)
SENT_AT = time(6, tzinfo=UTC)  # not in the middle of Europe's night
KEPT_DAYS = 30


def due_on(day: date) -> QuerySet[Result]:
    """Hot results that will be archived on a UTC day."""
    start = datetime.combine(day, time(), UTC)
    return Result.objects.filter(
        storage=StorageState.HOT, archive_due_at__gte=start, archive_due_at__lt=start + timedelta(days=1)
    )


def promise_for_tomorrow() -> None:
    """Promise the mails for tomorrow's results, unless that is done."""
    today = database_now().date()
    tomorrow = today + timedelta(days=1)
    if NoticeDay.objects.filter(day=tomorrow).exists():
        return
    with transaction.atomic():
        owners = User.objects.filter(jobs__result__in=due_on(tomorrow)).values_list("pk", flat=True)
        counted = owners.annotate(number=Count("jobs")).values_list("pk", "number")
        send_at = datetime.combine(today, SENT_AT)
        for owner_id, number in counted.iterator(chunk_size=1000):
            day = tomorrow.isoformat()
            tell(owner_id, NoticeKind.GOING_COLD, f"{owner_id}:{day}", day=day, results=number)
            payload = {"user": str(owner_id), "day": tomorrow.isoformat()}
            outbox.promise(GOING_COLD, f"{GOING_COLD}:{owner_id}:{tomorrow}", payload, due_at=send_at)
        NoticeDay.objects.bulk_create([NoticeDay(day=tomorrow, noticed_at=Now())], ignore_conflicts=True)
    NoticeDay.objects.filter(day__lt=today - timedelta(days=KEPT_DAYS)).delete()
