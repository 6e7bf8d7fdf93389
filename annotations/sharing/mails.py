"""The mail to whom a result is shown. It names the owner as the owner wants to be named, and nothing of the result."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.models import User, with_address
from annotations.notices.models import NoticeKind
from annotations.notices.telling import tell
from annotations.sharing.granting import SHARED, live, shown_name
from gas import registry
from gas.models import OutboxMessage


@registry.outbox_handler(SHARED)
def tell_recipient(message: OutboxMessage) -> None:
    """Tell the holder of the address; nothing where the share has ended meanwhile."""
    share = live().select_related("job__owner").filter(pk=message.payload["share"]).exclude(email="").first()
    if share is None:
        return
    reader = User.objects.filter(with_address(share.email), email_confirmed_at__isnull=False, is_active=True).first()
    if reader is not None:
        with transaction.atomic():
            tell(reader.pk, NoticeKind.SHARED, str(share.pk), share.job_id)
    name = " ".join(shown_name(share.job.owner).split())
    context = {
        "name": name,
        "until": share.expires_at,
        "address": share.email,
        "link": settings.BASE_URL + reverse("annotations:job", args=[share.job_id]),
    }
    host = urlsplit(settings.BASE_URL).hostname or "localhost"
    EmailMessage(
        subject=f"{name} shows you a result"[:200],
        body=render_to_string("annotations/sharing/mail.txt", context),
        to=[share.email],
        headers={"Message-ID": f"<outbox-{message.pk}@{host}>", "Auto-Submitted": "auto-generated"},
    ).send()
