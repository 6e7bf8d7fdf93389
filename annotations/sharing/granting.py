"""Making, finding and ending shares, and the log of their openings."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import BooleanField, Count, ExpressionWrapper, Max, Q, QuerySet
from django.db.models.functions import Now

from accounts.models import User
from annotations.models import Job, JobStatus
from annotations.sharing.models import Share, ShareOpening
from gas import audit, clock, outbox

SHARED: Final = "annotations.shared"  # the outbox's kind of the mail to whom a result is shown
DEFAULT_DAYS: Final = 14
DAYS: Final = (1, 7, DEFAULT_DAYS, 30, 90, 365)
MAX_LIVE: Final = 50
SAME_OPENING: Final = timedelta(minutes=1)  # a page loaded again is no second look
KEPT: Final = timedelta(days=90)  # an ended share stays in the owner's list
LISTED_OPENINGS: Final = 20
PAGE_SIZE: Final = 25  # of a list for programs, as of their own jobs


class SharingError(Exception):
    """The result cannot be shared so; the message is a sentence for the user."""


@dataclass(frozen=True)
class Terms:
    """What a share lets its readers do, and for how long."""

    days: int = DEFAULT_DAYS
    needs_sign_in: bool = True
    allows_downloads: bool = False


def make_link(owner: User, job: Job, terms: Terms) -> tuple[Share, str]:
    """A share for whoever has a link, and the link's secret, which nobody can show again. Raises SharingError."""
    token = secrets.token_urlsafe(32)
    return _make(owner, job, terms, digest=_digest(token), needs_sign_in=terms.needs_sign_in), token


def invite(owner: User, job: Job, email: str, terms: Terms) -> Share:
    """A share for the holder of an address, who is told by mail.

    It is the same for every address: whether there is an account shows only when its holder looks.
    Raises SharingError.
    """
    address = email.strip().lower()
    if address == owner.email.lower():
        raise SharingError("This is your own address: you see the result anyway.")
    if live().filter(job=job, email=address).exists():
        raise SharingError("The result is shared with this address already. Revoke that share to change its terms.")
    return _make(owner, job, terms, email=address, needs_sign_in=True)


@transaction.atomic
def _make(owner: User, job: Job, terms: Terms, **fields: object) -> Share:
    Job.objects.select_for_update(no_key=True).get(pk=job.pk)
    if job.status != JobStatus.COMPLETED:
        raise SharingError("Only a finished job with a result can be shared.")
    if live().filter(job=job).count() >= MAX_LIVE:
        raise SharingError(f"This result has {MAX_LIVE} shares. Revoke one that is needed no more.")
    now = clock.database_now()
    share = Share.objects.create(
        job=job,
        allows_downloads=terms.allows_downloads,
        created_at=now,
        expires_at=now + timedelta(days=terms.days),
        **fields,
    )
    audit.record("make share", owner, f"job:{job.pk}", share=str(share.pk), link=share.is_link, days=terms.days)
    if not share.is_link:
        outbox.promise(SHARED, f"{SHARED}:{share.pk}", {"share": str(share.pk)})
    return share


def revoke(owner: User, job: Job, share_id: UUID) -> bool:
    """End a share of the job at once; False where there is none that has not ended."""
    with transaction.atomic():
        if not live().filter(job=job, pk=share_id).update(revoked_at=Now()):
            return False
        audit.record("revoke share", owner, f"job:{job.pk}", share=str(share_id))
    return True


def live() -> QuerySet[Share]:
    """Shares that let somebody in at this moment."""
    return Share.objects.filter(
        revoked_at__isnull=True,
        expires_at__gt=Now(),
        job__status=JobStatus.COMPLETED,
        job__owner__is_active=True,
    )


def find_link(token: str) -> Share | None:
    """The share that a link opens; None where it has ended or never was."""
    return live().filter(digest=_digest(token)).first()


def addressed_to(user: User) -> QuerySet[Share]:
    """Shares with a user by name, newest first: bound to the account, or to its proved address until the first look."""
    mine = Q(recipient=user)
    if user.email_confirmed_at is not None:
        mine |= Q(recipient__isnull=True, email=user.email.lower())
    return live().filter(mine, digest__isnull=True).order_by("-created_at", "id")


def page_addressed_to(user: User, before: UUID | None) -> tuple[list[Share], UUID | None]:
    """Some of these behind the share `before`, and the share to go on behind; None at the end."""
    shares = addressed_to(user).select_related("job__owner")
    if before is not None:
        last = Share.objects.filter(pk=before).first()  # it may have ended meanwhile, and still says where to go on
        if last is None:
            return [], None
        shares = shares.filter(Q(created_at__lt=last.created_at) | Q(created_at=last.created_at, pk__gt=last.pk))
    found = list(shares[: PAGE_SIZE + 1])
    page = found[:PAGE_SIZE]
    return page, page[-1].pk if len(found) > PAGE_SIZE else None


def best_of(shares: QuerySet[Share], *order: str) -> Share | None:
    """Of several shares of a job the one that allows most, with the job and its result."""
    found = shares.select_related("job__upload", "job__result", "job__owner")
    return found.order_by(*order, "-allows_downloads", "-expires_at").first()


def note_opening(share: Share, reader: User | None) -> None:
    """Write down that somebody looks; the first look of who was named binds the share to their account."""
    if not share.is_link and reader is not None:
        Share.objects.filter(pk=share.pk, recipient__isnull=True).update(recipient=reader)
    now = clock.database_now()
    if ShareOpening.objects.filter(share=share, reader=reader, at__gt=now - SAME_OPENING).exists():
        return
    with transaction.atomic():
        ShareOpening.objects.create(share=share, reader=reader, at=now)
        audit.record("open share", reader, f"job:{share.job_id}", share=str(share.pk))


@dataclass(frozen=True)
class Listed:
    """A share as its owner sees it."""

    share: Share
    is_live: bool
    openings: int
    opened_at: datetime | None


def listed(job: Job) -> list[Listed]:
    """All shares of a job, newest first, with how often and when last each was opened."""
    goes_on = ExpressionWrapper(Q(revoked_at__isnull=True, expires_at__gt=Now()), output_field=BooleanField())
    shares = Share.objects.filter(job=job).order_by("-created_at")
    found = shares.annotate(goes_on=goes_on, number=Count("openings"), last=Max("openings__at"))
    return [Listed(one, one.goes_on, one.number, one.last) for one in found]


def openings_of(job: Job) -> list[ShareOpening]:
    """The last openings of all shares of a job, newest first."""
    found = ShareOpening.objects.filter(share__job=job).select_related("share", "reader").order_by("-at", "-pk")
    return list(found[:LISTED_OPENINGS])


def shown_name(owner: User) -> str:
    """What others see of an owner: the name they gave, never the address."""
    return owner.name or "A user of GAS"


def forget_ended() -> None:
    """Delete shares that ended long ago."""
    Share.objects.filter(expires_at__lt=clock.from_now(-KEPT)).delete()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
