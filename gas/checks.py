"""System checks: settings that fit each by itself but not together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error
from django.http.request import validate_host


def register() -> None:
    """Called when the app is ready."""
    checks.register(one_host_or_many)
    checks.register(pages_are_where_mails_say)
    checks.register(fault_is_for_tests)


def one_host_or_many(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """Files carry doorbells within one host; shared storage means that there are several."""
    if settings.BROKER == "sqs" or settings.STORAGE == "file":
        return []
    return [
        Error(
            "The file broker works within one host, but the storage is S3.",
            hint="Set GAS_BROKER=sqs and the queues' URLs, or GAS_STORAGE=file.",
            id="gas.E001",
        )
    ]


def said(level: int, *, deployed: bool = False) -> str:
    """What all checks find from this level up, a sentence each with what to do; "" if nothing."""
    found = checks.run_checks(include_deployment_checks=deployed)
    serious = [message for message in found if message.level >= level and not message.is_silenced()]
    return " ".join(" ".join(filter(None, (message.msg, message.hint))) for message in serious)


def pages_are_where_mails_say(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """Links in mails, and what comes back from sign-in providers, must reach pages that answer."""
    address = urlsplit(settings.BASE_URL)
    if settings.HTTPS and address.scheme != "https":
        return [
            Error(
                f"GAS_HTTPS is on, but mails would lead to GAS_BASE_URL, {settings.BASE_URL}.",
                hint="Set GAS_BASE_URL to the https address that users open.",
                id="gas.E002",
            )
        ]
    if validate_host(address.hostname or "", settings.ALLOWED_HOSTS):
        return []
    return [
        Error(
            f"GAS_BASE_URL is {settings.BASE_URL}, but GAS_ALLOWED_HOSTS does not name {address.hostname}.",
            hint="Add it: pages answer to the hosts named there only.",
            id="gas.E003",
        )
    ]


def fault_is_for_tests(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """A service with a fault point switched on kills itself."""
    if not settings.FAULT:
        return []
    return [checks.Warning("GAS_FAULT is set: this service will kill itself.", hint="Unset it.", id="gas.W001")]
