"""Typed readers of environment variables.

Each reader declares its variable once: name, type, default and what it is for. A value that
does not fit is refused in one sentence; so is a `GAS_` variable that nobody declared, because
a misspelt setting that is silently ignored is worse than a service that does not start.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import TypeVar

from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")


@dataclass(frozen=True)
class Declared:
    """One environment variable the service reads; `docs/settings.md` is made from these."""

    name: str
    kind: str
    default: str
    meaning: str
    secret: bool = False


DECLARED: dict[str, Declared] = {}


def _read(
    name: str,
    kind: str,
    default: T,
    meaning: str,
    parse: Callable[[str], T],
    *,
    shown: str | None = None,
    secret: bool = False,
) -> T:
    DECLARED[name] = Declared(name, kind, str(default) if shown is None else shown, meaning, secret)
    raw = os.environ.get(name)
    if raw is None or raw == "":
        return default
    try:
        return parse(raw)
    except ValueError as error:
        value = "its value" if secret else repr(raw)
        raise ImproperlyConfigured(f"{name} is {value}, but it must be {kind}: {error}.") from None


def text(name: str, default: str, meaning: str, *, shown: str | None = None) -> str:
    """Any text."""
    return _read(name, "text", default, meaning, str, shown=shown)


def secret(name: str, default: str, meaning: str) -> str:
    """Text that is never shown; without a default where the profile is `aws`."""
    return _read(name, "secret text", default, meaning, str, shown="", secret=True)


def choice(name: str, default: str, options: Sequence[str], meaning: str) -> str:
    """One of `options`."""

    def parse(raw: str) -> str:
        if raw not in options:
            raise ValueError(f"choose one of {', '.join(options)}")
        return raw

    return _read(name, "one of " + ", ".join(options), default, meaning, parse)


def flag(name: str, default: bool, meaning: str) -> bool:
    """`true` or `false`."""

    def parse(raw: str) -> bool:
        if raw not in ("true", "false"):
            raise ValueError("write true or false")
        return raw == "true"

    return _read(name, "true or false", default, meaning, parse, shown="true" if default else "false")


def integer(name: str, default: int, meaning: str, *, minimum: int = 0) -> int:
    """A whole number of at least `minimum`."""

    def parse(raw: str) -> int:
        value = int(raw) if raw.lstrip("-").isdecimal() else None
        if value is None or value < minimum:
            raise ValueError(f"write a whole number from {minimum} up")
        return value

    return _read(name, "a whole number", default, meaning, parse)


def number(name: str, default: float, meaning: str, *, minimum: float = 0.0) -> float:
    """A number of at least `minimum`."""

    def parse(raw: str) -> float:
        value = float(raw)
        if not value >= minimum:
            raise ValueError(f"write a number from {minimum:g} up")
        return value

    return _read(name, "a number", default, meaning, parse, shown=f"{default:g}")


def words(name: str, default: Sequence[str], meaning: str) -> list[str]:
    """A list, separated by commas."""
    return _read(
        name,
        "a list separated by commas",
        list(default),
        meaning,
        lambda raw: [word.strip() for word in raw.split(",") if word.strip()],
        shown=",".join(default),
    )


def networks(name: str, meaning: str) -> list[IPv4Network | IPv6Network]:
    """A list of IP networks, separated by commas; empty unless it is set."""

    def parse(raw: str) -> list[IPv4Network | IPv6Network]:
        return [ip_network(word.strip()) for word in raw.split(",") if word.strip()]

    return _read(name, "a list of networks separated by commas", [], meaning, parse, shown="")


def prices(name: str, known: Mapping[str, float], meaning: str) -> dict[str, float]:
    """Some of the known prices with other amounts: `name=amount`, separated by commas."""

    def parse(raw: str) -> dict[str, float]:
        found = {}
        for entry in raw.split(","):
            price, _, amount = entry.strip().partition("=")
            if price not in known or float(amount) < 0:
                raise ValueError(f"write price=amount, with prices from {', '.join(known)}")
            found[price] = float(amount)
        return found

    return _read(name, "a list of price=amount separated by commas", {}, meaning, parse, shown="")


def path(name: str, default: Path, meaning: str, *, shown: str) -> Path:
    """A folder or file; a relative one counts from the current folder."""
    return _read(name, "a path", default, meaning, lambda raw: Path(raw).expanduser().resolve(), shown=shown)


def refuse_unknown() -> None:
    """Refuse `GAS_` variables that no reader declared."""
    for name in sorted(os.environ):
        if name.startswith("GAS_") and name not in DECLARED:
            near = difflib.get_close_matches(name, DECLARED, n=1)
            hint = f"; did you mean {near[0]}?" if near else "; docs/settings.md lists them all."
            raise ImproperlyConfigured(f"{name} is not a setting of GAS{hint}")
