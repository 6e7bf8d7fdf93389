"""What the apps above hand down to the bottom layer, each in its `AppConfig.ready`.

`gas` imports no app; it calls back what is registered here. A name may be taken once: two
handlers of one kind would mean that one of them is silently never called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from prometheus_client.core import Metric

    from gas.models import OutboxMessage


class Invariant(Protocol):
    """Looks for what must never be; `deep` allows it to read stored bytes."""

    def __call__(self, *, deep: bool) -> Iterable[str]:
        """Yield what is broken, a sentence each."""


OutboxHandler = Callable[["OutboxMessage"], None]
Eraser = Callable[["AbstractBaseUser"], None]
Collector = Callable[[], Iterable["Metric"]]
Exporter = Callable[["AbstractBaseUser"], Iterable[dict[str, Any]]]

F = TypeVar("F")


@dataclass(frozen=True)
class Sweep:
    """A task that beat starts every `settings.SWEEP_SECONDS` on the control queue."""

    name: str
    task_name: str


@dataclass(frozen=True)
class OverviewTable:
    """A table of the admin's start page. A cell is text, or HTML that was made safe."""

    title: str
    headings: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    empty: str  # the sentence instead of no rows


OverviewSource = Callable[[], OverviewTable]


@dataclass(frozen=True)
class Examination:
    """What `manage.py doctor` looks at, how, and what to do about a fault."""

    name: str
    look: Callable[[], str]  # returns what was seen; raises what is wrong
    remedy: str


_outbox_handlers: dict[str, OutboxHandler] = {}
_erasers: dict[str, tuple[int, Eraser]] = {}
_invariants: dict[str, Invariant] = {}
_collectors: dict[str, Collector] = {}
_exporters: dict[str, Exporter] = {}
_sweeps: dict[str, Sweep] = {}
_overview: dict[str, tuple[int, OverviewSource]] = {}
_examinations: dict[str, Examination] = {}


def _take(table: dict[str, F], name: str, entry: F) -> None:
    if name in table:
        raise ValueError(f"{name!r} is registered already")
    table[name] = entry


def outbox_handler(kind: str) -> Callable[[OutboxHandler], OutboxHandler]:
    """Register what does the outbox messages of one kind.

    It is called outside any transaction, perhaps more than once for a message (so it must be
    idempotent), and raises to be called again later, with back-off.
    """

    def register(handler: OutboxHandler) -> OutboxHandler:
        _take(_outbox_handlers, kind, handler)
        return handler

    return register


def eraser(name: str, order: int) -> Callable[[Eraser], Eraser]:
    """Register what deletes all that an app keeps of a user; lower `order` runs first.

    It is idempotent, and raises when something is left, to be called again.
    """

    def register(erase: Eraser) -> Eraser:
        _take(_erasers, name, (order, erase))
        return erase

    return register


def invariant(name: str) -> Callable[[Invariant], Invariant]:
    """Register a check that yields one sentence for each thing that is broken."""

    def register(check: Invariant) -> Invariant:
        _take(_invariants, name, check)
        return check

    return register


def collector(name: str) -> Callable[[Collector], Collector]:
    """Register a function that yields Prometheus metrics at each scrape."""

    def register(collect: Collector) -> Collector:
        _take(_collectors, name, collect)
        return collect

    return register


def exporter(name: str) -> Callable[[Exporter], Exporter]:
    """Register what an app gives to "download of my data": records of a user, one JSON line each in `name`.jsonl."""

    def register(export: Exporter) -> Exporter:
        _take(_exporters, name, export)
        return export

    return register


def overview_table(name: str, order: int) -> Callable[[OverviewSource], OverviewSource]:
    """Register a table of the admin's start page; lower `order` comes first. It must cost little."""

    def register(source: OverviewSource) -> OverviewSource:
        _take(_overview, name, (order, source))
        return source

    return register


def examination(name: str, remedy: str) -> Callable[[Callable[[], str]], Callable[[], str]]:
    """Register what else `manage.py doctor` looks at; a gas.doctor.FaultError is the sentence about a fault."""

    def register(look: Callable[[], str]) -> Callable[[], str]:
        _take(_examinations, name, Examination(name, look, remedy))
        return look

    return register


def sweep(name: str, task_name: str) -> None:
    """Register a periodic task of the control queue; `name` is its row in SweepRun."""
    _take(_sweeps, name, Sweep(name, task_name))


def handler_of(kind: str) -> OutboxHandler | None:
    """The handler of a kind of outbox message, if an app registered one."""
    return _outbox_handlers.get(kind)


def erasers() -> list[tuple[str, Eraser]]:
    """All erasers in the order in which they must run."""
    return [(name, erase) for name, (_, erase) in sorted(_erasers.items(), key=lambda item: (item[1][0], item[0]))]


def invariants() -> list[tuple[str, Invariant]]:
    """All invariants by name."""
    return sorted(_invariants.items())


def collectors() -> list[tuple[str, Collector]]:
    """All collectors by name."""
    return sorted(_collectors.items())


def exporters() -> list[tuple[str, Exporter]]:
    """All exporters by name."""
    return sorted(_exporters.items())


def overview_tables() -> list[OverviewSource]:
    """The tables of the admin's start page in their order."""
    return [source for _, source in sorted(_overview.values(), key=lambda entry: entry[0])]


def sweeps() -> list[Sweep]:
    """All sweeps by name."""
    return [_sweeps[name] for name in sorted(_sweeps)]


def examinations() -> list[Examination]:
    """What the apps have doctor look at, by name."""
    return [_examinations[name] for name in sorted(_examinations)]
