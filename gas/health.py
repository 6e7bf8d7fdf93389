"""Is the process alive (/healthz), and can it do its work (/readyz)?

A load balancer acts on /readyz: it answers 503 only for what makes pages impossible, the
database and the storage. A silent broker or a late sweep is said in the body, with 200: taking
the pages away would not bring them back.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as ProbeTimeoutError
from pathlib import Path
from threading import Lock

from django.conf import settings
from django.core.files.storage import FileSystemStorage, storages
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template import loader
from django.utils.cache import patch_vary_headers

from gas import queues, registry
from gas.clock import database_now
from gas.context import site
from gas.models import SweepRun

PROBE_SECONDS = 3.0
LATE_PERIODS = 10  # at the production period of 30 s: five minutes

_pool = ThreadPoolExecutor(max_workers=3, thread_name_prefix="probe")
_running: dict[str, Future[None]] = {}
_lock = Lock()


def healthz(_: HttpRequest) -> HttpResponse:
    """200: this process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


def readyz(request: HttpRequest) -> HttpResponse:
    """200 or 503, with a sentence for each part that is not well: JSON for probes, a page for browsers."""
    needed = {"database": probe_database, "storage": probe_storage}
    failed = {name: sentence for name, probe in needed.items() if (sentence := _ask(name, probe))}
    degraded = {} if "database" in failed else late_sweeps()
    if broker := _ask("broker", probe_broker):
        degraded["broker"] = broker
    state = "failed" if failed else "degraded" if degraded else "ready"
    status = 503 if failed else 200
    # Probes send */* or nothing, and the first one named here is for them.
    if request.get_preferred_type(["application/json", "text/html"]) == "text/html":
        response: HttpResponse = _status_page(request, state, failed | degraded, status)
    else:
        response = JsonResponse({"state": state, "failed": failed, "degraded": degraded}, status=status)
    patch_vary_headers(response, ["Accept"])
    return response


WORDS = {
    "ready": ("All is well", "Pages and jobs work."),
    "degraded": (
        "Working, with delays",
        "Pages, files and results are there. Jobs, mails or the archive may take longer than usual; nothing is lost.",
    ),
    "failed": (
        "Not working just now",
        "Your files and results are safe, but cannot be shown at the moment. Try again in a few minutes.",
    ),
}


def _status_page(request: HttpRequest, state: str, trouble: dict[str, str], status: int) -> HttpResponse:
    """The same for people; where the database is away, without anything that would ask it."""
    heading, sentence = WORDS[state]
    parts = [
        {"name": name.capitalize(), "trouble": trouble.get(name, "")} for name in ("database", "storage", "broker")
    ]
    late = [{"name": name.capitalize(), "trouble": said} for name, said in trouble.items() if name.startswith("sweep ")]
    parts += late or [{"name": "Sweeps", "trouble": ""}]
    is_readable = "database" not in trouble
    context = {"heading": heading, "sentence": sentence, "parts": parts, "is_readable": is_readable}
    if is_readable:
        return render(request, "status.html", context, status=status)
    return HttpResponse(loader.render_to_string("status.html", context | site(request)), status=status)


def _ask(name: str, probe: Callable[[], None]) -> str:
    """What is wrong according to a probe, "" if nothing; never waits longer than PROBE_SECONDS.

    A probe that hangs keeps its one thread; until it ends, asking again costs nothing.
    """
    with _lock:
        future = _running.get(name)
        if future is None or future.done():
            future = _running[name] = _pool.submit(probe)
    try:
        future.result(timeout=PROBE_SECONDS)
    except ProbeTimeoutError:
        return f"no answer in {PROBE_SECONDS:g} s"
    except Exception as error:
        return f"{type(error).__name__}"
    return ""


def probe_database() -> None:
    """Raise if the database does not answer."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        connection.close()  # the probe's thread has a connection of its own


def probe_storage() -> None:
    """Raise if results could not be read or written."""
    storage = storages["results"]
    if isinstance(storage, FileSystemStorage):
        require_writable(Path(storage.location))
    else:
        storage.exists("readyz")  # one HEAD request; the object need not be there


def probe_broker() -> None:
    """Raise if doorbells could not be rung."""
    if settings.BROKER == "file":
        require_writable(queues.messages_folder())
    else:
        queues.waiting()


def require_writable(folder: Path) -> None:
    """Raise if files cannot be made in a folder, which is made if it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"{folder} cannot be written")


def sweep_ages() -> dict[str, float | None]:
    """Seconds since each registered sweep last finished well; None: never."""
    now = database_now()
    finished = dict(SweepRun.objects.values_list("name", "finished_at"))
    ages: dict[str, float | None] = {}
    for sweep in registry.sweeps():
        at = finished.get(sweep.name)
        ages[sweep.name] = None if at is None else max(0.0, (now - at).total_seconds())
    return ages


def late_sweeps() -> dict[str, str]:
    """A sentence for each sweep that has not finished for LATE_PERIODS periods."""
    limit = LATE_PERIODS * settings.SWEEP_SECONDS
    late = {}
    for name, age in sweep_ages().items():
        if age is None:
            late[f"sweep {name}"] = "has not run yet"
        elif age > limit:
            late[f"sweep {name}"] = f"last finished {age:.0f} s ago"
    return late
