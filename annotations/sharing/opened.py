"""Which shares a browser has opened: kept in its session by id, each asked for again at every request."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from accounts.models import User
from annotations.sharing import granting
from annotations.sharing.models import Share

OPENED: Final = "shares"  # in the session: {share: (job, its owner knows)}, newest last
MAX_OPENED: Final = 50


def remember(request: HttpRequest, share: Share) -> None:
    """This browser has the share; it is opened, which its owner sees, once it is signed in where that is asked for."""
    reader = _reader(request)
    is_noted = reader is not None or not share.asks_sign_in
    if is_noted:
        granting.note_opening(share, reader)
    others = {key: what for key, what in _opened(request).items() if key != str(share.pk)}
    kept = [*others.items(), (str(share.pk), (str(share.job_id), is_noted))][-MAX_OPENED:]
    request.session[OPENED] = dict(kept)


def share_for(request: HttpRequest, job_id: UUID) -> Share | None:
    """A share of the job that this browser has, or its user by name; of several the one that allows most."""
    order = ["needs_sign_in"] if _reader(request) is None else []
    share = granting.best_of(_shares(request).filter(job_id=job_id), *order)
    if share is not None and _reader(request) is not None and not _opened(request).get(str(share.pk), ("", False))[1]:
        remember(request, share)
    return share


def may_read_reference(request: HttpRequest, name: str) -> bool:
    """Whoever is signed in; others, while they look at a result that was made with it."""
    if request.user.is_authenticated:
        return True
    if not settings.PUBLIC_LINKS:
        return False
    return bool(_opened(request)) and _shares(request).filter(job__reference_name=name, needs_sign_in=False).exists()


def had_share(request: HttpRequest, job_id: UUID) -> bool:
    """This browser has opened a share of the job at some time, whatever became of it."""
    return any(job == str(job_id) for job, _ in _opened(request).values())


def _shares(request: HttpRequest) -> QuerySet[Share]:
    """What this browser has by links, and its user by name."""
    by_link = Q(pk__in=list(_opened(request)), digest__isnull=False)
    reader = _reader(request)
    if reader is None:
        return granting.live().filter(by_link)
    return granting.live().filter(by_link | Q(pk__in=granting.addressed_to(reader).order_by().values("pk")))


def _opened(request: HttpRequest) -> dict[str, tuple[str, bool]]:
    found: dict[str, tuple[str, bool]] = request.session.get(OPENED, {})
    return found


def _reader(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None
