"""The app that takes results to cold storage and back."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig


class ArchivalConfig(AppConfig):
    """Registers the app's handlers, sweep, invariants, eraser and metrics when Django is ready."""

    name = "archival"
    verbose_name = "Archive"

    def ready(self) -> None:
        """Importing these modules fills gas.registry."""
        for module in ("follow_plan", "mails", "sweep", "invariants", "erasure", "metrics", "overview"):
            import_module(f"archival.{module}")
