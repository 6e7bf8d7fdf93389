"""The Celery application: two queues, and a beat that starts the registered sweeps.

A message is a doorbell and never the truth, so there is no result backend, no countdown, no
remote control. `celery -A gas.celery worker -Q annotate` (or `control`) and `celery -A gas.celery
beat` work by themselves; `manage.py run` starts them all.
"""

from __future__ import annotations

import logging
import os
from typing import Any

import django
from celery import Celery, signals
from django.apps import apps
from kombu import Exchange, Queue
from kombu.transport import TRANSPORT_ALIASES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gas.settings")
if not apps.ready:
    django.setup()

from django.conf import settings
from django.db import connections

from gas import beacon, registry, stopping

logger = logging.getLogger(__name__)

QUEUES = ("annotate", "control")

# Who rings must not wait for a dead SQS; a worker that acknowledges had better.
RINGING = {"connect_timeout": 1, "read_timeout": 1, "retries": {"total_max_attempts": 1}}
WORKING = {"connect_timeout": 5, "read_timeout": 20, "retries": {"total_max_attempts": 3}}

# kombu refuses a dotted path as a URL's scheme; an alias must be there before the first connection.
TRANSPORT_ALIASES["fsatomic"] = "gas.transport:Transport"
TRANSPORT_ALIASES["sqsguard"] = "gas.sqs_guard:Transport"


def _broker() -> dict[str, Any]:
    """Where doorbells travel, and how long trying to ring one may take."""
    # A submit that finds the broker dead must not wait: one retry, at once.
    patience = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}
    if settings.BROKER == "file":
        folder = settings.CELERY_BROKER_DIR
        options = {
            "data_folder_in": str(folder / "messages"),
            "data_folder_out": str(folder / "messages"),
            "control_folder": str(folder / "control"),
            "processed_folder": str(folder / "taken"),
            "polling_interval": 0.1,
        }
        return {"broker_url": "fsatomic://localhost", "broker_transport_options": patience | options}
    urls = {"annotate": settings.SQS_ANNOTATE_URL, "control": settings.SQS_CONTROL_URL}
    options = {
        "region": settings.SQS_REGION,
        "predefined_queues": {name: {"url": url} for name, url in urls.items()},
        "wait_time_seconds": settings.SQS_WAIT_SECONDS,
        "visibility_timeout": settings.SQS_VISIBILITY_SECONDS,
        "polling_interval": 0.2,
        "is_secure": settings.SQS_ANNOTATE_URL.startswith("https:"),
        "client-config": RINGING,
    }
    return {"broker_url": "sqsguard://", "broker_transport_options": patience | options}


def beat_schedule() -> dict[str, dict[str, Any]]:
    """Each registered sweep, once a period; one that was not started in time is dropped."""
    period = settings.SWEEP_SECONDS
    return {
        sweep.name: {
            "task": sweep.task_name,
            "schedule": period,
            "options": {"queue": "control", "expires": period * 0.9},
        }
        for sweep in registry.sweeps()
    }


app = Celery("gas")
app.conf.update(
    **_broker(),
    broker_connection_retry_on_startup=True,
    result_backend=None,
    task_ignore_result=True,
    task_queues=[Queue(name, Exchange("gas", type="direct"), routing_key=name) for name in QUEUES],
    task_default_queue="control",
    task_default_exchange="gas",
    task_default_routing_key="control",
    task_create_missing_queues=False,
    # A killed worker leaves its message to another; the row, not the message, decides what is done.
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_lost_wait=1.0,  # seconds in which the slot of a killed process stays empty; nobody waits for its result
    worker_prefetch_multiplier=1,
    worker_enable_remote_control=False,
    worker_send_task_events=False,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    worker_timer_precision=0.1,  # seconds; a worker that stops waits for its timer to look up
    task_serializer="json",
    accept_content=["json"],
    timezone="UTC",
    beat_schedule=beat_schedule(),
    beat_max_loop_interval=5,
)
app.autodiscover_tasks()


@signals.setup_logging.connect
def _keep_logging(**_: Any) -> None:
    """Django has set up logging; a receiver here keeps Celery from doing so again."""


@signals.worker_init.connect
def _be_patient(**_: Any) -> None:
    app.conf.broker_transport_options["client-config"] = WORKING


@signals.worker_before_create_process.connect
def _close_connections(**_: Any) -> None:
    """An open SQLite connection must not be carried across a fork: its locks would break."""
    connections.close_all()


@signals.worker_shutting_down.connect
def _ask_to_stop(**_: Any) -> None:
    stopping.ask()


@signals.worker_process_shutdown.connect
def _leave_the_pool(exitcode: int, **_: Any) -> None:
    """This pool process has handed over its results; billiard would have it, and so the worker, wait a second more."""
    os._exit(exitcode)


@signals.worker_shutdown.connect
def _leave(sender: Any, **_: Any) -> None:
    """Pool, consumer and timer are stopped; what is left is to wait for threads that sleep."""
    os._exit(sender.exitcode or 0)


@signals.worker_ready.connect
def _say_ready(sender: Any, **_: Any) -> None:
    kind = sender.hostname.partition("@")[0]
    beacon.begin(kind)
    logger.info("The %s worker is ready.", kind)
