"""Whether the service takes new work, and what every page says meanwhile.

Paused: nobody submits. Draining: workers claim nothing either, and finish what they have. Both are
one row, so that every process sees them at once, and both end with `resume`.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.db.models import Exists
from django.db.models.functions import Coalesce, Now

from gas import audit
from gas.models import ServiceState

MAX_TEXT = 300


def state() -> ServiceState:
    """The row, or what it would say where nobody has paused anything yet."""
    return ServiceState.objects.filter(pk=ServiceState.ONLY).first() or ServiceState()


def draining() -> Exists:
    """Condition of a query: workers are to claim nothing."""
    return Exists(ServiceState.objects.filter(pk=ServiceState.ONLY, draining_since__isnull=False))


def pause(reason: str, by: AbstractBaseUser | None) -> None:
    """Refuse submissions from now on, with a reason that users read. Raises ValueError without one."""
    given = reason.strip()[: MAX_TEXT - 1]
    if not given:
        raise ValueError("Say why: users read the reason.")
    given += "" if given[-1] in ".!?" else "."
    since = Coalesce("paused_since", Now())
    _change("pause submissions", by, {"paused_since": since, "pause_reason": given}, reason=given)


def drain(by: AbstractBaseUser | None) -> None:
    """Let workers finish what they have and claim nothing more."""
    _change("drain workers", by, {"draining_since": Coalesce("draining_since", Now())})


def resume(by: AbstractBaseUser | None) -> None:
    """Take submissions and claim jobs again."""
    _change("resume submissions", by, {"paused_since": None, "pause_reason": "", "draining_since": None})


def show_banner(text: str, by: AbstractBaseUser | None) -> None:
    """Say something on top of every page; nothing with an empty text."""
    given = text.strip()[:MAX_TEXT]
    _change("set banner", by, {"banner": given}, text=given)


def _change(action: str, by: AbstractBaseUser | None, values: dict[str, Any], **detail: str) -> None:
    with transaction.atomic():
        ServiceState.objects.get_or_create(pk=ServiceState.ONLY)
        ServiceState.objects.filter(pk=ServiceState.ONLY).update(**values)
        audit.record(action, by, "", **detail)
