"""`{% service_notices %}`: what every page says while submissions are paused, or when there is news."""

from __future__ import annotations

from typing import Any

from django import template

from gas import pausing

register = template.Library()


@register.inclusion_tag("_partials/notices.html")
def service_notices() -> dict[str, Any]:
    """The context of _partials/notices.html."""
    return {"service": pausing.state()}
