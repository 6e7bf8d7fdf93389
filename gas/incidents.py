"""Incidents: the traceback behind the code that an error page shows or a job's attempt has.

The log has it too, but a log lies wherever the operator's machines put it; this is what somebody
of the staff finds within a minute of the user's mail. Addresses are struck out, and old ones go.
"""

from __future__ import annotations

import logging
import traceback
from datetime import timedelta

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from gas import logs
from gas.clock import from_now
from gas.models import Incident

logger = logging.getLogger(__name__)

KEPT_DAYS = 30
MAX_IN_A_MINUTE = 60  # a service that fails at every request must not fill its database with saying so
MAX_TRACEBACK = 20_000  # characters; the end of a traceback says most


def record(code: str, place: str, error: BaseException) -> None:
    """Keep the traceback of an error under its code; never raises, for something is wrong already."""
    if isinstance(error, OperationalError | InterfaceError):
        return  # it is the database that is away
    keep(code, place, type(error).__name__, text_of(error))


def text_of(error: BaseException) -> str:
    """The traceback as an incident keeps it."""
    return logs.without_addresses("".join(traceback.format_exception(error)))[-MAX_TRACEBACK:]


def keep(code: str, place: str, error: str, text: str) -> None:
    """The same of an error that is known by its name and `text_of` alone: another thread or process had it."""
    values = {"at": Now(), "place": place[:200], "error": error[:200], "traceback": text}
    try:
        with transaction.atomic():
            if Incident.objects.filter(at__gt=from_now(-timedelta(minutes=1))).count() < MAX_IN_A_MINUTE:
                # The first of a code stays: nobody can write over what the staff look for.
                Incident.objects.get_or_create(code=code[:80], defaults=values)
    except Exception:
        logger.exception("The incident %s could not be written down.", code)


def of_last_day() -> QuerySet[Incident]:
    """What broke in the last 24 hours."""
    return Incident.objects.filter(at__gt=from_now(-timedelta(days=1)))


def forget_old() -> None:
    """Delete what nobody asked for within KEPT_DAYS."""
    Incident.objects.filter(at__lt=from_now(-timedelta(days=KEPT_DAYS))).delete()
