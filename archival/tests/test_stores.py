from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from annotations.areas import FileArea
from archival.models import Tier
from archival.stores import Held, LocalStore, NotReadableError, NotThereError, Stage

SHA = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"  # of b"foo"
START = datetime(2026, 11, 28, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hot(tmp_path: Path) -> FileArea:
    return FileArea(tmp_path / "hot")


@pytest.fixture
def store(tmp_path: Path, hot: FileArea, clock: Clock) -> LocalStore:
    store = LocalStore(hot, FileArea(tmp_path / "cold"), timedelta(seconds=20), clock)
    hot.receive("a/b", [b"foo"])
    assert store.put("a/b", "a/b", SHA) == Held(3, SHA)
    return store


def test_a_cold_object_cannot_be_read_until_it_was_asked_back_and_the_delay_is_over(store, clock):
    assert store.look("a/b") is Stage.COLD
    with pytest.raises(NotReadableError):
        store.bring_back("a/b", "a/c", SHA)
    assert store.ask("a/b", Tier.EXPEDITED) is Stage.ONGOING
    clock.now += timedelta(seconds=19)
    assert store.look("a/b") is Stage.ONGOING
    with pytest.raises(NotReadableError):
        store.bring_back("a/b", "a/c", SHA)
    clock.now += timedelta(seconds=1)
    assert store.look("a/b") is Stage.READY
    assert store.bring_back("a/b", "a/c", SHA) == Held(3, SHA)
    assert store.find_hot("a/c") == Held(3, SHA)


def test_a_temporary_copy_ends_after_a_day(store, clock):
    store.ask("a/b", Tier.STANDARD)
    clock.now += timedelta(days=1, seconds=20)
    assert store.look("a/b") is Stage.COLD


def test_asking_again_does_not_begin_anew(store, clock):
    store.ask("a/b", Tier.STANDARD)
    clock.now += timedelta(seconds=15)
    assert store.ask("a/b", Tier.STANDARD) is Stage.ONGOING
    clock.now += timedelta(seconds=5)
    assert store.ask("a/b", Tier.STANDARD) is Stage.READY


def test_an_object_that_was_asked_for_is_remembered_by_another_process(store, clock, tmp_path, hot):
    store.ask("a/b", Tier.STANDARD)
    clock.now += timedelta(seconds=20)
    other = LocalStore(hot, FileArea(tmp_path / "cold"), timedelta(seconds=20), clock)
    assert other.look("a/b") is Stage.READY


def test_what_is_not_there_is_said_to_be_missing(store):
    assert store.look("no") is Stage.MISSING
    assert store.find("no") is None
    assert store.find_hot("no") is None
    for call in (
        lambda: store.ask("no", Tier.STANDARD),
        lambda: store.bring_back("no", "a", SHA),
        lambda: store.put("no", "a", SHA),
    ):
        with pytest.raises(NotThereError):
            call()


def test_removing_leaves_nothing_and_may_be_repeated(store, tmp_path):
    store.ask("a/b", Tier.STANDARD)
    for _ in range(2):
        store.remove_cold("a/b")
        store.remove_hot("a/b")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
