"""Events on their way to webhooks: promised with what they tell of, tried again with longer and longer pauses.

A try that fails is done as far as the outbox is concerned, for the fault is not ours: it promises the
next one. A webhook of which one event was tried for about a day in vain is switched off, with a mail.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.models import User
from annotations.webhooks import sending
from annotations.webhooks.addresses import RefusedAddressError, read_url
from annotations.webhooks.models import Delivery, DeliveryStatus, Webhook
from gas import audit, clock, outbox, registry
from gas.models import OutboxMessage

SEND: Final = "annotations.webhook"  # the outbox's kinds
SWITCHED_OFF: Final = "annotations.webhook_off"
TEST: Final = "test"
MAX_TRIES: Final = outbox.MAX_TRIES  # about a day
MAX_WEBHOOKS: Final = 5
KEPT: Final = timedelta(days=30)


class WebhookError(Exception):
    """The webhook cannot be made; the message is a sentence for the user."""


def make(user: User, url: str) -> Webhook:
    """A new webhook. Raises WebhookError."""
    try:
        read_url(url)
    except RefusedAddressError as error:
        raise WebhookError(str(error)) from error
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        if Webhook.objects.filter(user=user).count() >= MAX_WEBHOOKS:
            raise WebhookError(f"You have {MAX_WEBHOOKS} webhooks. Delete one that you need no more.")
        webhook = Webhook.objects.create(user=user, url=url, created_at=clock.database_now())
        audit.record("make webhook", user, f"webhook:{webhook.pk}")
    return webhook


def promise_to_all(user_id: UUID, kind: str, job_id: UUID | None, detail: dict[str, Any]) -> None:
    """Promise an event to each of a user's webhooks that is on, in the caller's transaction."""
    for webhook in Webhook.objects.filter(user_id=user_id, disabled_at__isnull=True):
        promise(webhook, kind, job_id, detail)


@transaction.atomic
def promise(webhook: Webhook, kind: str, job_id: UUID | None = None, detail: dict[str, Any] | None = None) -> Delivery:
    """Promise one event to one webhook."""
    data: dict[str, Any] = dict(detail or {})
    if job_id is not None:
        page, call = (settings.BASE_URL + reverse(name, args=[job_id]) for name in ("annotations:job", "api:job"))
        data["job"] = {"id": str(job_id), "url": call, "page": page}
    delivery = Delivery.objects.create(webhook=webhook, kind=kind, data=data, created_at=clock.database_now())
    _promise_try(delivery, 1)
    return delivery


def _promise_try(delivery: Delivery, number: int) -> None:
    due_at = clock.database_now() + outbox.pause_after(number - 1) if number > 1 else None
    payload = {"delivery": str(delivery.pk), "user": str(delivery.webhook.user_id)}
    outbox.promise(SEND, f"{SEND}:{delivery.pk}:{number}", payload, due_at)


@registry.outbox_handler(SEND)
def attempt(message: OutboxMessage) -> None:
    """Try once. Nothing where the webhook is off or gone, or the event was taken before."""
    found = Delivery.objects.select_related("webhook__user").filter(pk=message.payload["delivery"])
    delivery = found.filter(status=DeliveryStatus.WAITING).first()
    if delivery is None or not delivery.webhook.user.is_active:
        return
    if delivery.webhook.disabled_at is not None:
        _settle(delivery, status=DeliveryStatus.FAILED, answer="not sent: the webhook is off")
        return
    try:
        status = sending.post(delivery)
    except (sending.NotTakenError, RefusedAddressError) as error:
        _not_taken(delivery, str(error))
    else:
        _settle(delivery, status=DeliveryStatus.DELIVERED, answer=f"answered {status}", tries=F("tries") + 1)


@transaction.atomic
def _not_taken(delivery: Delivery, why: str) -> None:
    tries = delivery.tries + 1
    is_over = tries >= MAX_TRIES or delivery.kind == TEST  # a test is looked at now
    status = DeliveryStatus.FAILED if is_over else DeliveryStatus.WAITING
    if not _settle(delivery, status=status, answer=why[:200], tries=tries):
        return
    if not is_over:
        _promise_try(delivery, tries + 1)
    elif delivery.kind != TEST:
        _switch_off(delivery.webhook)


def _settle(delivery: Delivery, **changes: Any) -> bool:
    """Write down a try, unless another worker's was quicker; the number of tries is the fence."""
    mine = Delivery.objects.filter(pk=delivery.pk, status=DeliveryStatus.WAITING, tries=delivery.tries)
    return bool(mine.update(tried_at=Now(), **changes))


def _switch_off(webhook: Webhook) -> None:
    if Webhook.objects.filter(pk=webhook.pk, disabled_at__isnull=True).update(disabled_at=Now()):
        audit.record("switch off webhook", None, f"webhook:{webhook.pk}")
        moment = clock.database_now().isoformat()
        payload = {"webhook": str(webhook.pk), "user": str(webhook.user_id)}
        outbox.promise(SWITCHED_OFF, f"{SWITCHED_OFF}:{webhook.pk}:{moment}", payload)


@registry.outbox_handler(SWITCHED_OFF)
def tell_switched_off(message: OutboxMessage) -> None:
    """Tell the user by mail; nothing where it is on again or gone."""
    off = Webhook.objects.select_related("user").filter(disabled_at__isnull=False, user__is_active=True)
    webhook = off.filter(pk=message.payload["webhook"]).first()
    if webhook is None:
        return
    context = {"url": webhook.url, "link": settings.BASE_URL + reverse("annotations:webhooks")}
    host = urlsplit(settings.BASE_URL).hostname or "localhost"
    EmailMessage(
        subject="A webhook of yours is switched off",
        body=render_to_string("annotations/webhooks/off.txt", context),
        to=[webhook.user.email],
        headers={"Message-ID": f"<outbox-{message.pk}@{host}>", "Auto-Submitted": "auto-generated"},
    ).send()


def switch_on(user: User, webhook_id: UUID) -> bool:
    """Send the next events again; what was given up stays so."""
    return bool(Webhook.objects.filter(user=user, pk=webhook_id).update(disabled_at=None))


def delete(user: User, webhook_id: UUID) -> bool:
    """Delete a webhook of the user's with its deliveries."""
    with transaction.atomic():
        if not Webhook.objects.filter(user=user, pk=webhook_id).delete()[0]:
            return False
        audit.record("delete webhook", user, f"webhook:{webhook_id}")
    return True


def forget_old() -> None:
    """Delete deliveries that are old."""
    Delivery.objects.filter(created_at__lt=clock.from_now(-KEPT)).delete()
