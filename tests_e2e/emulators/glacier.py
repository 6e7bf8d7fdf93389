"""S3's cold storage classes over moto's objects: restore, wait, expire.

moto restores at once and for ever. Here a restore takes its time on the
emulator's clock, may be refused, and the temporary copy ends.

Source of the rules: the Amazon S3 API reference, RestoreObject, and the user
guide, "Archive retrieval options".
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from xml.etree import ElementTree

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import FakeBucket, FakeKey, S3Backend, s3_backends
from moto.s3.notifications import S3NotificationEvent, send_event

from tests_e2e.emulators.control import Control
from tests_e2e.emulators.sigv4 import SignatureError

COLD_CLASSES = {"GLACIER", "DEEP_ARCHIVE"}
RETRIEVAL_SECONDS = {
    ("GLACIER", "Expedited"): 5 * 60,
    ("GLACIER", "Standard"): 5 * 3600,
    ("GLACIER", "Bulk"): 12 * 3600,
    ("DEEP_ARCHIVE", "Standard"): 12 * 3600,
    ("DEEP_ARCHIVE", "Bulk"): 48 * 3600,
}


@dataclass
class Restore:
    """One restore of one version of one object.

    ``expires_at`` is None until the temporary copy is there.
    """

    stored: FakeKey
    ready_at: datetime
    days: int
    expires_at: datetime | None = None


class ColdStore:
    """The restores under way and the temporary copies that exist."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._lock = threading.Lock()
        self._restores: dict[tuple[str, str, str], Restore] = {}

    @property
    def backend(self) -> S3Backend:
        """moto's own store of buckets and objects."""
        backend: S3Backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
        return backend

    def request(self, bucket: str, key: str, version: str | None, body: bytes) -> int:
        """Answer POST ?restore: 202 begun, 200 the copy exists and is kept longer.

        Raises SignatureError with S3's code where S3 refuses.
        """
        stored = self._object(bucket, key, version)
        days, tier = _parse_restore_request(body)
        if stored.storage_class not in COLD_CLASSES:
            raise SignatureError(
                "InvalidObjectState",
                "Restore is not allowed for the object's current storage class",
            )
        seconds = self._seconds(str(stored.storage_class), tier)
        now = self._control.clock.now()
        with self._lock:
            restore = self._restores.get(_identity(bucket, stored))
            if restore and restore.stored is stored:
                return _ask_again(restore, days, now)
            if tier == "Expedited" and self._control.refuses_expedited():
                raise SignatureError(
                    "GlacierExpeditedRetrievalNotAvailable",
                    "Glacier expedited retrievals are currently not available, please try again later",
                    503,
                )
            # Past moto's own transitions: it would announce the restore at the first GET.
            stored._status = "RESTORED"
            self._restores[_identity(bucket, stored)] = Restore(stored, now + timedelta(seconds=seconds), days)
        return 202

    def settle(self) -> None:
        """Let the clock act: copies that are ready appear, copies past their end go."""
        now = self._control.clock.now()
        with self._lock:
            for identity, restore in list(self._restores.items()):
                if restore.expires_at is None and restore.ready_at <= now:
                    restore.expires_at = _expiry(restore.ready_at, restore.days)
                    restore.stored.set_expiry(restore.expires_at)
                    self._announce(identity[0], restore.stored)
                if restore.expires_at is not None and restore.expires_at <= now:
                    restore.stored.set_expiry(None)
                    del self._restores[identity]

    def restore_header(self, bucket: str, key: str, version: str | None) -> str | None:
        """The value of x-amz-restore while a restore is under way, else None."""
        stored = self.backend.get_object(bucket, key, version_id=version)
        if stored is None:
            return None
        restore = self._restores.get(_identity(bucket, stored))
        under_way = restore and restore.stored is stored and not restore.expires_at
        return 'ongoing-request="true"' if under_way else None

    def is_readable(self, bucket: str, key: str, version: str | None) -> bool:
        """Whether the object may be read or copied: not cold, or a copy exists."""
        stored = self.backend.get_object(bucket, key, version_id=version)
        if stored is None or stored.storage_class not in COLD_CLASSES:
            return True
        return stored.expiry_date is not None

    def objects(self) -> Iterator[tuple[FakeBucket, FakeKey]]:
        """Every version of every object, in every bucket."""
        for bucket in list(self.backend.buckets.values()):
            for _, versions in list(bucket.keys.lists()):
                for stored in versions:
                    if isinstance(stored, FakeKey):
                        yield bucket, stored

    def _object(self, bucket: str, key: str, version: str | None) -> FakeKey:
        stored = self.backend.get_object(bucket, key, version_id=version)
        if stored is None:
            raise SignatureError("NoSuchKey", "The specified key does not exist.", 404)
        return stored

    def _seconds(self, storage_class: str, tier: str) -> float:
        known = RETRIEVAL_SECONDS.get((storage_class, tier))
        if known is None:
            raise SignatureError(
                "InvalidRequest",
                "Retrieval option is not supported by this storage class",
                400,
            )
        return self._control.retrieval_seconds.get(tier, known)

    def _announce(self, bucket_name: str, stored: FakeKey) -> None:
        bucket = self.backend.get_bucket(bucket_name)
        # Where nobody listens there is no event to lose.
        if bucket.notification_configuration and not self._control.drops_event():
            send_event(DEFAULT_ACCOUNT_ID, S3NotificationEvent.OBJECT_RESTORE_COMPLETED_EVENT, bucket, stored)


def _identity(bucket: str, stored: FakeKey) -> tuple[str, str, str]:
    return bucket, stored.name, stored.version_id


def _ask_again(restore: Restore, days: int, now: datetime) -> int:
    if restore.expires_at is None:
        raise SignatureError("RestoreAlreadyInProgress", "Object restore is already in progress", 409)
    restore.expires_at = _expiry(now, days)
    restore.stored.set_expiry(restore.expires_at)
    return 200


def _expiry(ready_at: datetime, days: int) -> datetime:
    # S3 rounds the end of the temporary copy up to the next midnight UTC.
    end = ready_at + timedelta(days=days + 1)
    return end.replace(hour=0, minute=0, second=0, microsecond=0)


def _parse_restore_request(body: bytes) -> tuple[int, str]:
    """Days and tier of a RestoreRequest document."""
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError:
        raise SignatureError("MalformedXML", "The XML you provided was not well-formed.", 400) from None
    values = {element.tag.rpartition("}")[2]: (element.text or "").strip() for element in root.iter()}
    days = values.get("Days", "")
    if not days.isdigit() or int(days) < 1:
        raise SignatureError("MalformedXML", "Days must be at least 1.", 400)
    return int(days), values.get("Tier", "Standard")
