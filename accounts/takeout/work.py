"""Packing a user's data, and deleting the packs when their time is up."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import IO, Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.files import File
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.core.serializers.json import DjangoJSONEncoder
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from accounts.models import User
from accounts.takeout.models import TakeOut, TakeOutStatus
from gas import clock, outbox, registry
from gas.buckets import delete_versions, delete_versions_below
from gas.faults import fault
from gas.models import OutboxMessage

KIND = "accounts.takeout"
BATCH = 50

README = """This is what GAS keeps of you, apart from the files themselves: those are on the pages of your jobs.

Each file holds JSON; a file whose name ends in .jsonl holds one record a line. Moments are in UTC.
"""


def request_takeout(user: User) -> TakeOut:
    """Promise a pack; while one is being made it is that one."""
    now = clock.database_now()
    try:
        with transaction.atomic():
            wanted = TakeOut.objects.create(
                user=user, requested_at=now, expires_at=now + timedelta(days=settings.TAKEOUT_DAYS)
            )
            outbox.promise(KIND, f"{KIND}:{wanted.pk}", {"takeout": str(wanted.pk), "user": str(user.pk)})
    except IntegrityError:
        return TakeOut.objects.get(user=user, status=TakeOutStatus.REQUESTED)
    return wanted


def area() -> Storage:
    """Where packs are kept."""
    return storages["takeouts"]


@registry.outbox_handler(KIND)
def pack(message: OutboxMessage) -> None:
    """Make the zip, store it, tell the user. Repeated, it writes the same key again."""
    wanted = TakeOut.objects.filter(pk=message.payload["takeout"], status=TakeOutStatus.REQUESTED).first()
    if wanted is None or not wanted.user.is_active:
        return
    with tempfile.TemporaryFile() as file:
        write_zip(wanted.user, file)
        size_bytes = file.tell()
        file.seek(0)
        _delete_file(wanted.storage_key)
        area().save(wanted.storage_key, File(file))
    fault("takeout_stored")
    with transaction.atomic():
        mine = TakeOut.objects.filter(pk=wanted.pk, status=TakeOutStatus.REQUESTED)
        if mine.update(status=TakeOutStatus.READY, ready_at=Now(), size_bytes=size_bytes):
            payload = {"template": "takeout_ready", "user": str(wanted.user_id)}
            outbox.promise("accounts.mail", f"takeout_ready:{wanted.pk}", payload)


def write_zip(user: User, file: IO[bytes]) -> None:
    """Write all the exporters give, in the order of their names; records are streamed, not collected."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as pack_file:
        pack_file.writestr("README.txt", README)
        for name, export in registry.exporters():
            with pack_file.open(f"{name}.jsonl", "w") as entry:
                for line in _lines(export(user)):
                    entry.write(line)


def _lines(records: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    for record in records:
        yield json.dumps(record, cls=DjangoJSONEncoder, ensure_ascii=False).encode() + b"\n"


def expire() -> None:
    """Delete the packs whose time is up: the file, then the row."""
    for old in TakeOut.objects.filter(expires_at__lte=Now())[:BATCH]:
        _delete(old)


@registry.eraser("takeouts", order=60)
def erase(user: AbstractBaseUser) -> None:
    """Delete all packs of a user, those too whose rows are gone already."""
    TakeOut.objects.filter(user_id=user.pk).delete()
    store: Any = area()
    if isinstance(store, FileSystemStorage):
        for name in stored_names(user.pk):
            store.delete(f"{user.pk}/{name}")
        store.delete(str(user.pk))  # the empty folder
    else:
        prefix = f"{store.location}/{user.pk}/"
        delete_versions_below(store.connection.meta.client, Bucket=store.bucket_name, Prefix=prefix)


def stored_names(user_id: UUID) -> list[str]:
    """Names of the files in a user's folder."""
    try:
        return area().listdir(str(user_id))[1]
    except FileNotFoundError:
        return []


def _delete(one: TakeOut) -> None:
    _delete_file(one.storage_key)
    one.delete()


def _delete_file(key: str) -> None:
    store: Any = area()
    if isinstance(store, FileSystemStorage):
        store.delete(key)
    else:
        client, name = store.connection.meta.client, f"{store.location}/{key}"
        delete_versions(client, Bucket=store.bucket_name, Key=name)
