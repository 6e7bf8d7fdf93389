"""System checks: settings that fit each by itself but not together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error


def register() -> None:
    """Called when the app is ready."""
    checks.register(one_host_or_many)
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


def fault_is_for_tests(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """A service with a fault point switched on kills itself."""
    if not settings.FAULT:
        return []
    return [checks.Warning("GAS_FAULT is set: this service will kill itself.", hint="Unset it.", id="gas.W001")]
