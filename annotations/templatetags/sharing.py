"""`owner|shown_name`: what others see of an owner."""

from __future__ import annotations

from django import template

from annotations.sharing.granting import shown_name

register = template.Library()
register.filter(shown_name)
