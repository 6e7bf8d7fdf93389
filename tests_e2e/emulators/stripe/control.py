"""How a test moves the Stripe double: its clock, its deliveries, its failures, its customers' hands."""

from __future__ import annotations

from typing import Any

import requests

DAY = 86_400


class StripeControl:
    """A client of the double's own switches, under /_emulator/."""

    def __init__(self, url: str) -> None:
        self.url = url

    def _call(self, name: str, **given: Any) -> Any:
        answer = requests.post(f"{self.url}/_emulator/{name}", json=given, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def advance(self, *, days: float = 0, seconds: float = 0) -> None:
        """Let time pass; renewals, retries and period ends on the way happen."""
        self._call("advance", seconds=int(days * DAY + seconds))

    def deliver_to(self, url: str) -> None:
        """Webhooks go to this address."""
        self._call("endpoint", url=url)

    def hold(self) -> None:
        """Keep deliveries back."""
        self._call("hold")

    def take(self, *, seed: int = 0, shuffle: bool = False, copies: int = 1, drop: int = 0) -> list[dict[str, str]]:
        """Held deliveries, signed: `body` and `signature` of each, to be sent by the test."""
        taken: list[dict[str, str]] = self._call("take", seed=seed, shuffle=shuffle, copies=copies, drop=drop)
        return taken

    def release(self, *, seed: int = 0, shuffle: bool = False, copies: int = 1, drop: int = 0) -> None:
        """Let held deliveries go, and wait until each was answered or given up."""
        self._call("release", seed=seed, shuffle=shuffle, copies=copies, drop=drop)
        self._call("wait")

    def wait(self) -> None:
        """Until all deliveries were answered or given up."""
        self._call("wait")

    def fail(self, pattern: str, *, times: int = 1, status: int = 500, delay: float = 0.0, after: bool = False) -> None:
        """Answer the next requests that match with an error, or late; `after`: carried out, the answer lost."""
        self._call("rule", pattern=pattern, times=times, status=status, delay=delay, after=after)

    def heal(self) -> None:
        """No failures any more."""
        self._call("clear_rules")

    def card(self, customer: str, *, fails: bool) -> None:
        """From now on the customer's card is refused, or accepted."""
        self._call("card", customer=customer, fails=fails)

    def pay(self, session: str) -> str:
        """The person pays on the checkout page; the address they are sent back to."""
        return str(self._call("complete", session=session)["url"])

    def portal(self, session: str, action: str, argument: str = "") -> None:
        """The person presses a button of the portal: cancel, resume, switch, pay, card."""
        self._call("portal", session=session, action=action, argument=argument)

    def objects(self, kind: str, **where: Any) -> list[dict[str, Any]]:
        """Objects that are there, newest first."""
        found: list[dict[str, Any]] = self._call("objects", kind=kind, **where)
        return found

    def state(self) -> dict[str, Any]:
        """`seen` requests, `held` deliveries, the log of `deliveries`, `now`."""
        found: dict[str, Any] = self._call("state")
        return found
