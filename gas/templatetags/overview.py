"""`{% overview %}`: the state of the moment, for the admin's start page."""

from __future__ import annotations

from typing import Any

from django import template

from gas import overview as overview_of
from gas import pausing, registry

register = template.Library()


@register.inclusion_tag("admin/overview.html")
def overview() -> dict[str, Any]:
    """The context of admin/overview.html."""
    figures = overview_of.figures()
    return {
        "troubles": [figure for figure in figures if figure.is_trouble],
        "figures": [figure for figure in figures if not figure.is_trouble],
        "service": pausing.state(),
        "tables": [source() for source in registry.overview_tables()],
    }
