"""What must be so before the service starts; each failure is one sentence that says what to do."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import IO

from django.conf import settings
from django.core.checks import ERROR
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.utils.module_loading import import_string

from gas import checks

Say = Callable[[str], None]


class StartupError(Exception):
    """The service cannot start; the message is the sentence for the operator."""


def lock_state_folder() -> IO[str]:
    """Hold the state folder for this run, as long as the returned file is open; it says where and which process."""
    file = (settings.VAR_DIR / "run.lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        address = file.readline().strip()
        raise StartupError(
            f"GAS is running already on {address} with the state folder {settings.VAR_DIR}: "
            "stop that run first, or set GAS_VAR_DIR and GAS_PORT for a second one."
        ) from None
    file.truncate(0)
    file.write(f"{local_address()}\n{os.getpid()}\n")
    file.flush()
    return file


def bound_to() -> str:
    """Host and port that the web server listens on, as addresses spell them: IPv6 in brackets."""
    host = f"[{settings.BIND}]" if ":" in settings.BIND else settings.BIND
    return f"{host}:{settings.PORT}"


def local_address() -> str:
    """The address of the service on this machine."""
    is_localhost = settings.BIND in ("127.0.0.1", "0.0.0.0", "::1", "::")  # noqa: S104 - compared, not bound
    return f"http://{f'localhost:{settings.PORT}' if is_localhost else bound_to()}"


def require_free_port() -> None:
    """Refuse a port that another program listens on."""
    family = socket.AF_INET6 if ":" in settings.BIND else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.BIND, settings.PORT))
        except OSError as error:
            raise StartupError(
                f"GAS cannot listen on {settings.BIND} port {settings.PORT} ({error.strerror}): "
                "stop what uses it, or set GAS_PORT to a free port."
            ) from None


def require_settings() -> None:
    """Refuse settings that do not fit together."""
    try:
        wrong = checks.said(ERROR)
    except ImproperlyConfigured as error:
        wrong = str(error)
    if wrong:
        raise StartupError(f"The settings do not fit together: {wrong}")


def prepare_database() -> None:
    """Bring the database up to date; refuse one that is away, broken or newer than this code."""
    try:
        _refuse_newer_database()
        call_command("migrate", verbosity=0, interactive=False)
    except DatabaseError as error:
        where = settings.DATABASES["default"]["NAME"]
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise StartupError(
            f"The database {where} cannot be used ({reason}): check that its server runs or its file is whole, "
            "or restore a backup."
        ) from None


def newer_migrations() -> list[str]:
    """Migrations that the database has and this code does not know."""
    loader = MigrationLoader(connection)
    return sorted(
        f"{app}.{name}"
        for app, name in set(loader.applied_migrations) - set(loader.disk_migrations)
        if app in loader.migrated_apps
    )


def _refuse_newer_database() -> None:
    if unknown := newer_migrations():
        raise StartupError(
            f"The database is newer than this version of GAS, {settings.SITE_VERSION} (it has {unknown[-1]}): "
            "start the newer version, or restore a backup from before the upgrade."
        )


def collect_static_files() -> None:
    """Put style sheets and scripts where the web server finds them."""
    call_command("collectstatic", verbosity=0, interactive=False)


def prepare_reference(say: Say) -> None:
    """Build the demo reference at the first start; refuse to start without the default reference."""
    name = settings.DEFAULT_REFERENCE
    if (settings.REFERENCES_DIR / name / "manifest.json").exists():
        return
    if name != "demo":
        raise StartupError(
            f"The reference {name} is not installed in {settings.REFERENCES_DIR}: "
            "build it with manage.py reference, or set GAS_DEFAULT_REFERENCE to one that is."
        )
    say("Building the demo reference (GRCh38, chromosomes 19 and M); this is done once.")
    reason = _run_annotator("reference", "build", name, *settings.DEMO_REFERENCE_SOURCES)
    if reason:
        raise StartupError(f"The demo reference could not be built from {settings.BASE_DIR}/reference: {reason}")


def prepare_annotator(say: Say) -> None:
    """Compile the annotator's loops, if that was not done: the first job should not wait for it."""
    notice = threading.Timer(3, say, ["Compiling the annotator for this machine; this is done once for each version."])
    notice.start()
    reason = _run_annotator("warm")
    notice.cancel()
    if reason:
        raise StartupError(f"The annotator does not run on this machine: {reason}")


def _run_annotator(*arguments: str) -> str:
    """Run the annotator in a process of its own, so that the compiler's memory goes with it; its error, or ""."""
    folders = {"GAS_VAR_DIR": str(settings.VAR_DIR), "GAS_REFERENCES_DIR": str(settings.REFERENCES_DIR)}
    environment = os.environ | folders | {"PYTHONPATH": str(settings.BASE_DIR)}
    command = [sys.executable, "-m", settings.ANNOTATOR, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if not done.returncode:
        return ""
    return (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]


def demo_account() -> tuple[str, str] | None:
    """Address and password of the demo account, which only the local profile has."""
    if not settings.IS_LOCAL:
        return None
    account: tuple[str, str] = import_string(settings.DEMO_ACCOUNT)()
    return account
