"""Mails about results that go cold, get a timer, or are back. Promised in the outbox; nothing of a file's content."""

from __future__ import annotations

from datetime import date
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse

from accounts import plans
from accounts.models import User
from annotations.models import Result, StorageState
from archival.follow_plan import TIMERS_STARTED
from archival.models import Recall
from archival.notices import GOING_COLD, SHORTEST_RETENTION, due_on
from archival.recalls import ALL_BACK
from gas import registry
from gas.models import OutboxMessage

LISTED = 20  # jobs named in one mail


@registry.outbox_handler(GOING_COLD)
def tell_going_cold(message: OutboxMessage) -> None:
    """One mail for all results that are archived on one day; none when nothing is left to go."""
    day = date.fromisoformat(message.payload["day"])
    user = _recipient(message.payload["user"])
    if user is None or not user.mail_going_cold:
        return
    retention = plans.limits(user).hot_retention
    if retention is None or retention < SHORTEST_RETENTION:
        return
    results = due_on(day).filter(job__owner=user).select_related("job").order_by("archive_due_at")
    count = results.count()
    if not count:
        return
    context = {"day": day, "count": count, "results": results[:LISTED], "left_out": max(0, count - LISTED)}
    subject = f"{count:,} result{'s' if count > 1 else ''} will be archived on {day:%-d %B}"
    _send(user, message, subject, "going_cold", context)


@registry.outbox_handler(TIMERS_STARTED)
def tell_timers_started(message: OutboxMessage) -> None:
    """After a change to a plan that archives: when results will go, and that none has gone."""
    user = _recipient(message.payload["user"])
    if user is None or not user.mail_going_cold or user.plan_version != message.payload["plan_version"]:
        return  # they want none; or the plan has changed again, and another mail tells of that
    timed = Result.objects.filter(job__owner=user, storage=StorageState.HOT, archive_due_at__isnull=False)
    first = timed.order_by("archive_due_at").values_list("archive_due_at", flat=True).first()
    if first is None:
        return
    context = {"first_due_at": first, "count": timed.count(), "plan_name": plans.limits(user).plan_name}
    _send(user, message, "Your results will be archived from now on", "timers_started", context)


@registry.outbox_handler(ALL_BACK)
def tell_all_back(message: OutboxMessage) -> None:
    """Everything that was asked back together is there."""
    recall = Recall.objects.select_related("owner").filter(pk=message.payload["recall"]).first()
    if recall is None or not recall.owner.is_active or not recall.owner.mail_results_back:
        return
    count = recall.results_back
    subject = "Your archived result is back" if count == 1 else f"Your {count:,} archived results are back"
    _send(recall.owner, message, subject, "all_back", {"count": count})


def _recipient(user_id: str) -> User | None:
    return User.objects.filter(pk=user_id, is_active=True).first()


def _send(user: User, message: OutboxMessage, subject: str, template: str, context: dict[str, Any]) -> None:
    """Send; repeated after a lost answer with the same Message-ID."""
    context |= {
        "name": user.name,
        "link": settings.BASE_URL + reverse("annotations:jobs"),
        "choice": settings.BASE_URL + reverse("accounts:notifications"),
    }
    host = urlsplit(settings.BASE_URL).hostname or "localhost"
    EmailMessage(
        subject=subject,
        body=render_to_string(f"archival/mail/{template}.txt", context),
        to=[user.email],
        headers={"Message-ID": f"<outbox-{message.pk}@{host}>", "Auto-Submitted": "auto-generated"},
    ).send()
