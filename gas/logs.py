"""Log lines with the ids of what they belong to, and nothing personal.

A line carries the request, job, attempt and user it was written for. Addresses are struck out
wherever they come from, a traceback's message included; a request is named by its route, for
its path may hold a token.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.http import HttpRequest

FIELDS = ("request", "user", "job", "attempt")

current_request: ContextVar[HttpRequest | None] = ContextVar("current_request", default=None)
_ids: ContextVar[dict[str, str] | None] = ContextVar("log_ids", default=None)
_ADDRESS = re.compile(r"[^\s@<>\"'(),;:]+@[^\s@<>\"'(),;:]+\.?\w+")


@contextmanager
def bind(**ids: object) -> Iterator[None]:
    """Add ids (`job=…, attempt=…`) to every log line of this thread until the block ends."""
    token = _ids.set({**(_ids.get() or {}), **{name: str(value) for name, value in ids.items()}})
    try:
        yield
    finally:
        _ids.reset(token)


def request_id() -> str:
    """The id of the request that this thread answers; "" outside one."""
    request = current_request.get()
    return "" if request is None else str(request.request_id)  # type: ignore[attr-defined]


def route_of(request: HttpRequest) -> str:
    """The pattern that a request's path matched, without its values."""
    match = request.resolver_match
    return f"/{match.route}" if match else "(no route)"


class ContextFilter(logging.Filter):
    """Puts the ids of the moment on each record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Never drops a record."""
        ids = dict(_ids.get() or {})
        request = current_request.get()
        if request is not None:
            ids["request"] = request.request_id  # type: ignore[attr-defined]
            if request.resolver_match and "job_id" in request.resolver_match.kwargs:
                ids.setdefault("job", str(request.resolver_match.kwargs["job_id"]))
            # Only a user that was looked up already: logging must not ask the database.
            user = getattr(request, "_cached_user", None)
            if user is not None and user.pk:
                ids["user"] = str(user.pk)
        for name in FIELDS:
            setattr(record, f"ctx_{name}", ids.get(name, ""))
        if record.name == "django.request" and hasattr(record, "request"):
            # Django's own message holds the path.
            status = getattr(record, "status_code", "")
            record.msg, record.args = f"{record.request.method} {route_of(record.request)} failed: {status}", ()
        return True


def without_addresses(text: str) -> str:
    """The text with every e-mail address struck out."""
    return _ADDRESS.sub("[address]", text)


def _text_of(record: logging.LogRecord, formatter: logging.Formatter) -> tuple[str, str]:
    """The message and the traceback ("" without one), without addresses."""
    trace = formatter.formatException(record.exc_info) if record.exc_info and record.exc_info[0] else ""
    return without_addresses(record.getMessage()), without_addresses(trace)


def _ids_of(record: logging.LogRecord) -> dict[str, str]:
    return {name: value for name in FIELDS if (value := getattr(record, f"ctx_{name}", ""))}


class TextFormatter(logging.Formatter):
    """One line for a person, then the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """`12:34:56 INFO gas.web: GET /jobs/ 200 (request=… user=…)`."""
        message, trace = _text_of(record, self)
        ids = " ".join(f"{name}={value}" for name, value in _ids_of(record).items())
        moment = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        line = f"{moment} {record.levelname} {record.name}: {message}" + (f" ({ids})" if ids else "")
        return f"{line}\n{trace}" if trace else line


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Keys: at, level, logger, message, the ids that are known, traceback."""
        message, trace = _text_of(record, self)
        entry = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": message,
            **_ids_of(record),
        }
        if trace:
            entry["traceback"] = trace
        return json.dumps(entry, ensure_ascii=False)
