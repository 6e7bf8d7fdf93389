"""The bottom layer as a Django app."""

from __future__ import annotations

from django.apps import AppConfig


class GasConfig(AppConfig):
    """Registers what belongs to no app."""

    name = "gas"
    verbose_name = "Operation"

    def ready(self) -> None:
        """Fill the registries."""
        from gas import audit, checks, metrics, outbox, overview, registry  # noqa: F401 - overview registers its tables

        registry.sweep("outbox", outbox.SWEEP_TASK)
        registry.sweep("audit", audit.SEAL_TASK)
        registry.invariant("audit log")(audit.broken)
        registry.eraser("audit", order=900)(audit.forget)
        registry.collector("gas")(metrics.collect)
        checks.register()
