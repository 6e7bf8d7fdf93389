"""What every template may say about the service. Asks no database: error pages use it too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest


@dataclass(frozen=True)
class Site:
    """The service, as its footer tells it."""

    version: str
    profile: str
    base_url: str
    mail_is_file: bool  # mails lie in the state folder: say so where a page promises one
    takes_sign_ups: bool  # of somebody at least: no page leads to a form that is closed


def site(_: HttpRequest) -> dict[str, Any]:
    """The variable `site` of every template."""
    return {
        "site": Site(
            version=settings.SITE_VERSION,
            profile=settings.PROFILE,
            base_url=settings.BASE_URL,
            mail_is_file=settings.MAIL == "file",
            takes_sign_ups=settings.SIGNUP != "closed",
        )
    }
