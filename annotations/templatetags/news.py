"""`{% unread_notices user as number %}`: the number in the head of every page."""

from __future__ import annotations

from django import template

from accounts.models import User
from annotations.notices import telling

register = template.Library()


@register.simple_tag
def unread_notices(user: User) -> int:
    """How many notices the user has not read."""
    return telling.unread(user.pk)
