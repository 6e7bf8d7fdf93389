"""The footer's word on what results are made from."""

from __future__ import annotations

from django import template
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from annotations import references

register = template.Library()


@register.simple_tag
def reference_digests() -> SafeString:
    """Name and beginning of the digest of each installed reference; the whole digest on hover."""
    return format_html_join(
        " ",
        '<span title="SHA-256 of the manifest: {}">{} <code>{}</code></span>',
        ((found.digest, found.name, found.digest[:8]) for found in references.installed()),
    )
