"""What is left of the plan, on pages of the layers below too."""

from __future__ import annotations

from django import template

from accounts.models import User
from annotations.allowance import Allowance, allowance_of

register = template.Library()


@register.simple_tag
def allowance_for(user: User) -> Allowance:
    """The user's limits and what is used of them."""
    return allowance_of(user)
