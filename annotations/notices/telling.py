"""Telling a user, and forgetting what was told long ago."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models.functions import Now

from annotations.notices.models import Notice, NoticeKind
from annotations.webhooks import deliveries
from gas import clock

KEPT: Final = timedelta(days=90)


def tell(user_id: UUID, kind: NoticeKind, key: str, job_id: UUID | None = None, **detail: Any) -> None:
    """Tell a user, in the caller's transaction: in the pages, and by their webhooks. The same `key` is told once."""
    notice = Notice(user_id=user_id, kind=kind, key=f"{kind}:{key}", job_id=job_id, detail=detail, at=Now())
    Notice.objects.bulk_create([notice], ignore_conflicts=True)
    if Notice.objects.filter(pk=notice.pk).exists():  # else it was told before
        deliveries.promise_to_all(user_id, kind, job_id, detail)


def unread(user_id: UUID) -> int:
    """How many notices a user has not read."""
    return Notice.objects.filter(user_id=user_id, read_at__isnull=True).count()


def forget_old() -> None:
    """Delete notices that are old, read or not."""
    Notice.objects.filter(at__lt=clock.from_now(-KEPT)).delete()
