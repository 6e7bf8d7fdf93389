"""Examinations of everything the service stands on, each with what to do when it fails."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.core.checks import WARNING
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, storages
from django.core.mail import get_connection
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from gas import checks, health, registry, startup
from gas.clock import database_now
from gas.registry import Examination

CLOCK_SECONDS = 5.0  # more than this apart, log lines and links' lifetimes mislead
LINK_SECONDS = 10


class FaultError(Exception):
    """An examination found something; the message says what, `remedy` what to do where it is not the usual."""

    def __init__(self, sentence: str, remedy: str = "") -> None:
        super().__init__(sentence)
        self.remedy = remedy


@dataclass(frozen=True)
class Finding:
    """What an examination found; `is_well` is None where it could not look for want of the database."""

    name: str
    is_well: bool | None
    sentence: str
    remedy: str = ""


def examine() -> Iterator[Finding]:
    """Look at everything; a fault in one does not keep the others from being looked at."""
    is_database_well = True
    for examination in (*EXAMINATIONS, *registry.examinations()):
        finding = _look(examination)
        if finding.name == "database":
            is_database_well = finding.is_well is True
        elif finding.is_well is None and is_database_well:
            finding = replace(finding, is_well=False)
        yield finding


def _look(examination: Examination) -> Finding:
    try:
        return Finding(examination.name, True, examination.look())
    except FaultError as fault:
        return Finding(examination.name, False, str(fault), fault.remedy or examination.remedy)
    except Exception as error:
        said = str(error).strip().splitlines()[0] if str(error).strip() else ""
        sentence = f"{type(error).__name__}: {said}"
        is_asking = isinstance(error, DatabaseError) and examination.name != "database"
        return Finding(examination.name, None if is_asking else False, sentence, examination.remedy)


def _settings() -> str:
    if wrong := checks.said(WARNING, deployed=settings.HTTPS):
        raise FaultError(wrong)
    return f"profile {settings.PROFILE}, version {settings.SITE_VERSION}"


def _database() -> str:
    executor = MigrationExecutor(connection)
    if newer := startup.newer_migrations():
        raise FaultError(
            f"The database is newer than this code, {settings.SITE_VERSION}: it has {newer[-1]}.",
            "Start the newer version, or restore a backup from before the upgrade.",
        )
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        one = len(missing) == 1
        raise FaultError(
            f"{len(missing)} migration{'' if one else 's'} {'is' if one else 'are'} not applied.",
            "Run manage.py run prepare.",
        )
    return f"{connection.vendor}, {len(executor.loader.applied_migrations)} migrations applied"


def _clock() -> str:
    apart = (datetime.now(UTC) - database_now()).total_seconds()
    if abs(apart) > CLOCK_SECONDS:
        raise FaultError(f"This machine's clock is {apart:+.0f} s from the database's.")
    return f"{apart:+.2f} s from the database's"


def _broker() -> str:
    health.probe_broker()
    return "files in the state folder" if settings.BROKER == "file" else f"SQS in {settings.SQS_REGION}"


def _storage(area: str) -> Callable[[], str]:
    def look() -> str:
        storage = storages[area]
        content = secrets.token_bytes(64)
        name = storage.save(f"doctor/{uuid.uuid4()}", ContentFile(content))
        try:
            with storage.open(name) as file:
                if file.read() != content:
                    raise FaultError("What was read is not what was written.")
            if isinstance(storage, FileSystemStorage):
                return f"written, read and deleted in {storage.location}"
            _open_link(storage.url(name), content)
            return f"written, read, linked and deleted in {settings.S3_BUCKET}/{area}"
        finally:
            storage.delete(name)

    return look


def _open_link(url: str, content: bytes) -> None:
    try:
        with urllib.request.urlopen(url, timeout=LINK_SECONDS) as answer:  # noqa: S310 - our own link
            read = answer.read()
    except OSError as error:
        raise FaultError(f"A presigned link does not open: {error}.") from None
    if read != content:
        raise FaultError("A presigned link gives something else.")


def _mail() -> str:
    if settings.MAIL == "file":
        settings.MAIL_DIR.mkdir(parents=True, exist_ok=True)
        (settings.MAIL_DIR / ".doctor").touch()
        (settings.MAIL_DIR / ".doctor").unlink()
        return f"files in {settings.MAIL_DIR}"
    server = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    try:
        with get_connection():
            return f"{server} lets us in"
    except OSError as error:  # what smtplib raises is of this kind too
        raise FaultError(f"{server} does not let us in: {error.strerror or error}.") from None


def _disk() -> str:
    free = {}
    for folder in (settings.VAR_DIR, settings.WORK_DIR):
        folder.mkdir(parents=True, exist_ok=True)
        usage = shutil.disk_usage(folder)
        free[folder] = 100 * usage.free / usage.total
        if free[folder] < settings.MIN_FREE_PERCENT:
            raise FaultError(
                f"{free[folder]:.0f} % of the disk of {folder} is free: no job is started below "
                f"{settings.MIN_FREE_PERCENT:g} %."
            )
    return f"{min(free.values()):.0f} % free"


def _compiler() -> str:
    """numba keeps what it compiled; where it cannot, each annotation compiles anew."""
    folder = Path(os.environ.get("NUMBA_CACHE_DIR") or settings.VAR_DIR / "numba")
    folder.mkdir(parents=True, exist_ok=True)
    health.require_writable(folder)
    return f"cache in {folder}, Python {sys.version.split()[0]}"


def _sweeps() -> str:
    if late := health.late_sweeps():
        raise FaultError("; ".join(f"{name} {what}" for name, what in late.items()))
    return "all in time"


EXAMINATIONS = [
    Examination("settings", _settings, "docs/settings.md says what each setting means."),
    Examination("database", _database, "Start its server and check GAS_DATABASE_URL, or see that its file is whole."),
    Examination("clock", _clock, "Let chrony or systemd-timesyncd keep the time on both machines."),
    Examination(
        "broker",
        _broker,
        "A folder must belong to the user who runs GAS; for SQS, check the queues' URLs and region, and the role's "
        "rights against docs/install.md.",
    ),
    *(
        Examination(
            f"storage of {area}",
            _storage(area),
            "A folder must belong to the user who runs GAS; for a bucket, check its name, region and KMS key, and the "
            "role's rights against docs/install.md.",
        )
        for area in ("inputs", "results", "archive")
    ),
    Examination("mail", _mail, "Check GAS_SMTP_HOST, port, user, password and GAS_SMTP_TLS."),
    Examination("compiler", _compiler, "Make the folder writable for this user, or set NUMBA_CACHE_DIR."),
    Examination("disk", _disk, "Free space, or give GAS_VAR_DIR and GAS_WORK_DIR a larger disk."),
    Examination("sweeps", _sweeps, "Start the service; if it runs, look at the log of the control worker and of beat."),
]
