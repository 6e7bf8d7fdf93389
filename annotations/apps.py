"""The app of uploads, jobs and results."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig

from gas import registry


class AnnotationsConfig(AppConfig):
    """Registers the app's mails, erasers, exports, invariants, metrics and sweep when Django is ready."""

    name = "annotations"

    def ready(self) -> None:
        """Importing these modules fills gas.registry."""
        for module in (
            "mails",
            "erasure",
            "examinations",
            "exports",
            "invariants",
            "metrics",
            "overview",
            "own_sources.checking",
            "sharing.mails",
            "webhooks.deliveries",
        ):
            import_module(f"annotations.{module}")
        registry.sweep("annotations", "annotations.sweep")
