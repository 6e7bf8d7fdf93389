"""`{% overview %}`: the figures of the moment, for the admin's start page."""

from __future__ import annotations

from typing import Any

from django import template

from gas import overview as figures_of

register = template.Library()


@register.inclusion_tag("admin/overview.html")
def overview() -> dict[str, Any]:
    """The context of admin/overview.html."""
    return {"figures": figures_of.figures()}
