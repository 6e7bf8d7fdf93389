"""A copy of everything that cannot be made again, and its way back onto an empty machine.

A backup is a folder: the database, the stored objects (where they lie in folders; a bucket has
its own versions, and is only listed), the secret of the state folder, and `manifest.json` with
the size and SHA-256 of each file. References are not in it: they are built from public files.

The service may run meanwhile. Objects are copied, then the database, then the objects that came
in between: so each row in the copy has its object, and objects without a row are swept.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.storage import FileSystemStorage, storages
from django.core.management import call_command
from django.db import connection, connections

AREAS = ("inputs", "results", "archive")
MANIFEST = "manifest.json"
SECRET = "secret-key"  # noqa: S105 - a file's name
CHUNK_BYTES = 1 << 20


class BackupError(Exception):
    """The backup or its restoration cannot be done; the message is the sentence for the operator."""


@dataclass(frozen=True)
class Kept:
    """One file of the backup."""

    path: str  # relative to the backup's folder
    size_bytes: int
    sha256: str


def back_up(folder: Path) -> list[Kept]:
    """Write a backup into a folder that must not exist yet; it appears there when it is whole."""
    if folder.exists():
        raise BackupError(f"{folder} is there already: give a folder that is not.")
    beside = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True, mode=0o700)
    _copy_objects(beside)
    _copy_database(beside)
    _copy_objects(beside)
    secret = settings.VAR_DIR / SECRET
    if secret.exists():
        shutil.copyfile(secret, beside / SECRET)
    kept = [_kept(beside, file) for file in sorted(beside.rglob("*")) if file.is_file()]
    manifest = {
        "version": settings.SITE_VERSION,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "database": connection.vendor,
        "files": [asdict(one) for one in kept],
        "bucket": list(_bucket_objects()),
    }
    (beside / MANIFEST).write_text(json.dumps(manifest, indent=1))
    beside.rename(folder)
    return kept


def restore(folder: Path) -> list[Kept]:
    """Bring a backup back into an empty database and empty storage; everything is verified first.

    The service must not run. The database is brought up to this code's version.
    """
    manifest = _read_manifest(folder)
    kept = [Kept(**one) for one in manifest["files"]]
    _require_whole(folder, kept)
    _require_empty(manifest["database"])
    for area, location in _folders():
        if (folder / "storage" / area).exists():
            shutil.copytree(folder / "storage" / area, location, dirs_exist_ok=True)
    _restore_database(folder)
    if (folder / SECRET).exists():
        target = settings.VAR_DIR / SECRET
        shutil.copyfile(folder / SECRET, target)
        target.chmod(0o600)
    call_command("migrate", verbosity=0, interactive=False)
    return kept


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError):
        raise BackupError(f"{folder} is not a backup: it has no readable {MANIFEST}.") from None
    if _numbers(manifest["version"]) > _numbers(settings.SITE_VERSION):
        raise BackupError(
            f"The backup is of version {manifest['version']}, newer than this one, {settings.SITE_VERSION}: "
            "restore it with that version."
        )
    return manifest


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _require_whole(folder: Path, kept: list[Kept]) -> None:
    for one in kept:
        file = (folder / one.path).resolve()
        if not file.is_relative_to(folder.resolve()) or not file.is_file() or _kept(folder, folder / one.path) != one:
            raise BackupError(f"The backup is damaged: {one.path} is not what was written. Nothing was restored.")


def _require_empty(vendor: str) -> None:
    if vendor != connection.vendor:
        raise BackupError(f"The backup is of a {vendor} database, and this service uses {connection.vendor}.")
    if connection.introspection.table_names():
        raise BackupError("The database is not empty: restore into a new one, so that nothing is lost.")
    for _, location in _folders():
        if any(file.is_file() for file in location.rglob("*")):
            raise BackupError(f"{location} is not empty: restore onto an empty machine, so that nothing is lost.")


def _folders() -> Iterator[tuple[str, Path]]:
    """The areas that lie in folders, with where."""
    for area in AREAS:
        storage = storages[area]
        if isinstance(storage, FileSystemStorage):
            yield area, Path(storage.location)


def _bucket_objects() -> Iterator[dict[str, Any]]:
    """What lies in the bucket, by key, size and ETag."""
    for area in AREAS:
        storage: Any = storages[area]
        if not isinstance(storage, FileSystemStorage):
            for item in storage.bucket.objects.filter(Prefix=f"{area}/"):
                yield {"key": item.key, "size_bytes": item.size, "etag": item.e_tag.strip('"')}


def _copy_objects(folder: Path) -> None:
    """Copy the objects that are not in the backup yet. One deleted while we look needs no copy."""
    for area, location in _folders():
        for file in location.rglob("*"):
            target = folder / "storage" / area / file.relative_to(location)
            if target.exists() or not file.is_file():
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copyfile(file, target)
            except FileNotFoundError:
                target.unlink(missing_ok=True)


def _copy_database(folder: Path) -> None:
    if connection.vendor == "sqlite":
        connection.ensure_connection()
        with closing(sqlite3.connect(folder / "database.sqlite3")) as copy:
            connection.connection.backup(copy)
        return
    _run_postgres("pg_dump", "--format=custom", "--no-owner", f"--file={folder / 'database.dump'}")


def _restore_database(folder: Path) -> None:
    if connection.vendor == "sqlite":
        connection.ensure_connection()
        with closing(sqlite3.connect(folder / "database.sqlite3")) as copy:
            copy.backup(connection.connection)
    else:
        name = connection.settings_dict["NAME"]
        _run_postgres("pg_restore", "--no-owner", "--exit-on-error", f"--dbname={name}", str(folder / "database.dump"))
    connections.close_all()


def _run_postgres(program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs on our database; the password stays out of the command line."""
    of = connection.settings_dict
    named = {"PGHOST": "HOST", "PGPORT": "PORT", "PGUSER": "USER", "PGPASSWORD": "PASSWORD", "PGDATABASE": "NAME"}
    environment = os.environ | {name: str(of[key]) for name, key in named.items() if of[key]}
    if shutil.which(program) is None:
        raise BackupError(f"{program} is not there: install PostgreSQL's client programs.")
    done = subprocess.run([program, *arguments], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BackupError(f"{program} failed: {done.stderr.strip()}")


def _kept(folder: Path, file: Path) -> Kept:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
    return Kept(str(file.relative_to(folder)), file.stat().st_size, digest.hexdigest())
