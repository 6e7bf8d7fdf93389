"""Ringing for a worker: "there is work", by the name of a task, without importing it.

A doorbell may get lost; the sweep finds what it would have told. So ringing never fails.
"""

from __future__ import annotations

import logging
from typing import Literal

logger = logging.getLogger(__name__)


def ring(task_name: str, queue: Literal["annotate", "control"] = "annotate", **ids: str) -> None:
    """Send a task by name; on a dead broker log a warning within about a second and return."""
    # Imported here: Celery is configured after the apps are loaded, and the apps import this module.
    from gas.celery import app

    try:
        app.send_task(task_name, kwargs=ids, queue=queue, ignore_result=True, retry=False)
    except Exception as error:  # whatever a broker may raise: the sweep covers a lost doorbell
        logger.warning("Doorbell %s did not ring (%s); the sweep will find the work.", task_name, type(error).__name__)
