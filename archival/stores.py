"""The cold store: one small interface, as a second folder or as a cold storage class of S3.

A cold object cannot be read. It is asked back, which takes its time; then a temporary copy can be
read for a day and ends by itself. What the store says when it is looked at is the truth; events and
our own rows only hurry or remember.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Protocol

from django.conf import settings
from django.core.files.storage import storages

from annotations.areas import CHUNK, FileArea, ObjectChangedError, area
from archival.models import Tier

TEMPORARY_DAYS = 1  # S3's least; a temporary copy cannot be ended early
ASKED = ".asked"  # follows the key of a local cold object that was asked back


class TierRefusedError(Exception):
    """The store does not offer this tier at the moment: ask for a slower one."""


class NotReadableError(Exception):
    """The object is cold and no temporary copy of it exists (any more): ask again."""


class NotThereError(Exception):
    """The cold store has no such object."""


class Stage(enum.Enum):
    """Where a cold object is on its way back."""

    MISSING = enum.auto()
    COLD = enum.auto()  # not asked back, or the temporary copy has ended
    ONGOING = enum.auto()
    READY = enum.auto()


@dataclass(frozen=True)
class Held:
    """What a store says it holds; `sha256` is hexadecimal, None where the store cannot say."""

    size_bytes: int
    sha256: str | None


class ColdStore(Protocol):
    """Moves objects between hot storage and the cold store. Raises StorageAwayError when it cannot be reached.

    Keys are those of the areas `results` (hot) and `archive` (cold). All operations may be repeated.
    """

    storage_class: str

    def find(self, cold_key: str) -> Held | None:
        """Size and checksum of a cold object, without reading it back; None when there is none."""

    def find_hot(self, hot_key: str) -> Held | None:
        """Size and checksum of an object in hot storage; None when there is none."""

    def put(self, hot_key: str, cold_key: str, sha256: str) -> Held:
        """Copy a hot object to the cold store; what the copy is. Raises NotThereError without a hot object.

        `sha256` is what the content should have: the caller compares.
        """

    def ask(self, cold_key: str, tier: Tier) -> Stage:
        """Ask an object back: ONGOING, also when it was asked before, or READY.

        Raises TierRefusedError, NotThereError.
        """

    def look(self, cold_key: str) -> Stage:
        """Where the object is on its way back."""

    def bring_back(self, cold_key: str, hot_key: str, sha256: str) -> Held:
        """Copy the temporary copy to hot storage; what is there then. Raises NotReadableError, NotThereError."""

    def remove_cold(self, cold_key: str) -> None:
        """Delete a cold object with all its versions; none is no error."""

    def remove_hot(self, hot_key: str) -> None:
        """Delete a hot object with all its versions; none is no error."""

    def expected(self, tier: Tier) -> timedelta:
        """How long the tier takes, as the store promises."""

    def cold_keys(self, after: str, limit: int) -> list[str]:
        """Up to `limit` keys of the cold store in its order, beginning behind `after`."""


def _now() -> datetime:
    return datetime.now(UTC)


class LocalStore:
    """A second folder that plays a cold store: nothing is read back before the retrieval delay is over.

    A file beside the object, with the ending `.asked`, says since when a temporary copy can be read
    and until when. All tiers take the same time.
    """

    storage_class = "LOCAL"

    def __init__(self, hot: FileArea, cold: FileArea, delay: timedelta, clock: Callable[[], datetime] = _now) -> None:
        self._hot = hot
        self._cold = cold
        self._delay = delay
        self._clock = clock

    def find(self, cold_key: str) -> Held | None:
        """See ColdStore; reads the file."""
        return _held(self._cold, cold_key)

    def find_hot(self, hot_key: str) -> Held | None:
        """See ColdStore; reads the file."""
        return _held(self._hot, hot_key)

    def put(self, hot_key: str, cold_key: str, sha256: str) -> Held:
        """See ColdStore."""
        return _copy(self._hot, hot_key, self._cold, cold_key)

    def ask(self, cold_key: str, tier: Tier) -> Stage:
        """See ColdStore."""
        stage = self.look(cold_key)
        if stage is Stage.MISSING:
            raise NotThereError(cold_key)
        if stage is Stage.COLD:
            ready_at = self._clock() + self._delay
            until = ready_at + timedelta(days=TEMPORARY_DAYS)
            self._write(cold_key, {"ready_at": ready_at.isoformat(), "until": until.isoformat()})
        return self.look(cold_key)

    def look(self, cold_key: str) -> Stage:
        """See ColdStore."""
        if self._cold.size(cold_key) is None:
            return Stage.MISSING
        try:
            with self._cold.open(cold_key + ASKED) as file:
                asked = json.load(file)
        except ObjectChangedError:
            return Stage.COLD
        now = self._clock()
        if now >= datetime.fromisoformat(asked["until"]):
            return Stage.COLD
        return Stage.READY if now >= datetime.fromisoformat(asked["ready_at"]) else Stage.ONGOING

    def bring_back(self, cold_key: str, hot_key: str, sha256: str) -> Held:
        """See ColdStore."""
        stage = self.look(cold_key)
        if stage is Stage.MISSING:
            raise NotThereError(cold_key)
        if stage is not Stage.READY:
            raise NotReadableError(cold_key)
        return _copy(self._cold, cold_key, self._hot, hot_key)

    def remove_cold(self, cold_key: str) -> None:
        """See ColdStore."""
        self._cold.delete([cold_key, cold_key + ASKED])

    def remove_hot(self, hot_key: str) -> None:
        """See ColdStore."""
        self._hot.delete([hot_key])

    def expected(self, tier: Tier) -> timedelta:
        """See ColdStore."""
        return self._delay

    def cold_keys(self, after: str, limit: int) -> list[str]:
        """See ColdStore."""
        return self._cold.keys(after, limit)

    def _write(self, cold_key: str, asked: dict[str, str]) -> None:
        self._cold.receive(cold_key + ASKED, [json.dumps(asked).encode()])


def _held(folder: FileArea, key: str) -> Held | None:
    found = folder.head(key)
    return None if found is None else Held(found.size_bytes, found.etag)


def _copy(source: FileArea, source_key: str, target: FileArea, target_key: str) -> Held:
    """Copy, then read the copy: what a disk gives back is what counts."""
    try:
        stream = source.open(source_key)
    except ObjectChangedError as error:
        raise NotThereError(source_key) from error
    with stream:
        target.receive(target_key, iter(lambda: stream.read(CHUNK), b""))
    held = _held(target, target_key)
    if held is None:
        raise NotThereError(target_key)
    return held


@cache
def cold_store() -> ColdStore:
    """The cold store that the settings chose, one for each process."""
    results, archive = area("results"), area("archive")
    if isinstance(results, FileArea) and isinstance(archive, FileArea):
        return LocalStore(results, archive, timedelta(seconds=settings.RESTORE_DELAY_SECONDS))
    from archival.s3_store import S3Store  # boto3 takes a third of a second to import; one machine has no use for it

    return S3Store(storages["results"], storages["archive"], settings.COLD_STORAGE_CLASS)
