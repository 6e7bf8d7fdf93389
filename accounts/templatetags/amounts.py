"""Amounts as people read them: bytes, times, moments."""

from __future__ import annotations

from datetime import datetime, timedelta

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

NO_BREAK = "\N{NO-BREAK SPACE}"
_STEPS = ((86_400, "day"), (3_600, "hour"), (60, "minute"))


@register.filter
def in_bytes(size: int | None) -> str:
    """Bytes with a decimal unit, as disks and plans count: 25 MB is 25,000,000 bytes."""
    if size is None:
        return "unknown"
    value = float(size)
    for unit in ("bytes", "kB", "MB", "GB"):
        # Rounded first, so that 999,960 bytes are 1 MB and not 1,000 kB.
        if round(value, 1) < 1000:
            return _short(value) + NO_BREAK + unit
        value /= 1000
    return _short(value) + NO_BREAK + "TB"


def _short(value: float) -> str:
    return f"{value:,.1f}".removesuffix(".0")


@register.filter
def in_days(span: timedelta | float | None) -> str:
    """A span in its largest fitting unit, rounded: "7 days", "2 hours", "40 seconds"."""
    if span is None:
        return ""
    seconds = span.total_seconds() if isinstance(span, timedelta) else float(span)
    for length, unit in _STEPS:
        if seconds >= length:
            return _counted(round(seconds / length), unit)
    return _counted(max(0, round(seconds)), "second")


def _counted(number: int, unit: str) -> str:
    return f"{number:,}{NO_BREAK}{unit}{'' if number == 1 else 's'}"


@register.filter
def moment(at: datetime | None) -> SafeString | str:
    """A moment relative to now, with the exact one, in UTC, on hover and for programs."""
    if at is None:
        return ""
    away = (timezone.now() - at).total_seconds()
    if abs(away) < 5:
        words = "just now"
    elif away >= 0:
        words = f"{in_days(away)} ago"
    else:
        words = f"in {in_days(-away)}"
    exact = f"{at:%Y-%m-%d %H:%M:%S} UTC"
    return format_html('<time datetime="{}" title="{}">{}</time>', at.isoformat(), exact, words)
