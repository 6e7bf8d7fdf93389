"""The database's clock: the only one that decides.

Workers' clocks may be wrong; leases, due times and turns are compared where the rows are.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.db import connection
from django.db.models import DateTimeField, ExpressionWrapper
from django.db.models.expressions import Combinable
from django.db.models.functions import Now


def database_now() -> datetime:
    """The database's time, aware, in UTC; on SQLite to the millisecond."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')")
            return datetime.fromisoformat(cursor.fetchone()[0]).replace(tzinfo=UTC)
        cursor.execute("SELECT STATEMENT_TIMESTAMP()")
        moment: datetime = cursor.fetchone()[0]
        return moment.astimezone(UTC)


def from_now(delta: timedelta) -> Combinable:
    """An expression for a query: the database's time plus `delta`."""
    return ExpressionWrapper(Now() + delta, output_field=DateTimeField())
