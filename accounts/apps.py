"""The app of users, plans and signing in."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Registers the app's mails, sweep, invariants and erasers when Django is ready."""

    name = "accounts"

    def ready(self) -> None:
        """Importing these modules fills gas.registry."""
        for module in (
            "mails",
            "sweep",
            "invariants",
            "billing.events",
            "billing.invariants",
            "billing.leaving",
            "billing.sweep",
            "erasure.invariants",
            "erasure.work",
            "takeout.exports",
            "takeout.work",
        ):
            import_module(f"accounts.{module}")
