"""What a test may ask of the AWS double, under /_emulator/.

The clock, refusals and delays, lost events, and what the double has seen. The
double answers these routes itself; nothing here is part of AWS.
"""

from __future__ import annotations

import re
import threading
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

PREFIX = "/_emulator/"
REQUEST_LOG_SIZE = 20_000


class EmulatorClock:
    """Real time plus what the test has advanced it by."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)

    def now(self) -> datetime:
        """The moment by which presigned requests expire and restores complete."""
        return datetime.now(UTC) + self._ahead

    def advance(self, seconds: float) -> None:
        """Let time pass at once."""
        self._ahead += timedelta(seconds=seconds)


@dataclass
class Rule:
    """What to do to the next ``times`` requests whose label matches ``pattern``.

    The label is "PUT /bucket/key?query" for S3 and "SQS ReceiveMessage" for SQS.
    ``status`` 0 lets the request through (only ``delay`` applies). With
    ``after`` the request is carried out first and its answer is lost.
    """

    pattern: str
    times: int
    status: int = 503
    code: str = "SlowDown"
    delay: float = 0.0
    after: bool = False


@dataclass
class Control:
    """The double's switches; shared by all request threads."""

    clock: EmulatorClock = field(default_factory=EmulatorClock)
    rules: list[Rule] = field(default_factory=list)
    expedited_refusals: int = 0
    events_to_drop: int = 0
    retrieval_seconds: dict[str, float] = field(default_factory=dict)
    requests_seen: list[dict[str, Any]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def rule_for(self, label: str) -> Rule | None:
        """Use up one turn of the first rule that matches, if one does."""
        with self._lock:
            for rule in self.rules:
                if rule.times > 0 and re.search(rule.pattern, label):
                    rule.times -= 1
                    return rule
        return None

    def refuses_expedited(self) -> bool:
        """Use up one refusal of an Expedited retrieval, if one is left."""
        with self._lock:
            if self.expedited_refusals <= 0:
                return False
            self.expedited_refusals -= 1
            return True

    def drops_event(self) -> bool:
        """Use up one lost event, if one is left."""
        with self._lock:
            if self.events_to_drop <= 0:
                return False
            self.events_to_drop -= 1
            return True

    def record(self, label: str, status: int) -> None:
        """Remember a request, so that a test may count them."""
        with self._lock:
            self.requests_seen.append({"label": label, "status": status})
            del self.requests_seen[:-REQUEST_LOG_SIZE]

    def apply(self, command: str, values: dict[str, Any]) -> None:
        """Carry out one POST under /_emulator/. Raises KeyError for an unknown one."""
        if command == "advance":
            self.clock.advance(float(values["seconds"]))
        elif command == "rules":
            with self._lock:
                self.rules.append(Rule(**values))
        elif command == "reset":
            self._reset()
        elif command == "refuse-expedited":
            self.expedited_refusals = int(values["times"])
        elif command == "drop-events":
            self.events_to_drop = int(values["times"])
        elif command == "retrieval-seconds":
            self.retrieval_seconds.update(values)
        else:
            raise KeyError(command)

    def _reset(self) -> None:
        with self._lock:
            self.rules.clear()
            self.requests_seen.clear()
            self.retrieval_seconds.clear()
            self.expedited_refusals = self.events_to_drop = 0
            self.clock = EmulatorClock()


class AwsControl:
    """The test's side of the switches: one method for each route."""

    def __init__(self, url: str) -> None:
        self.url = url

    def advance(self, seconds: float) -> None:
        """Move the clock of expiries and retrievals forward."""
        self._post("advance", {"seconds": seconds})

    def fail_next(
        self,
        pattern: str,
        times: int = 1,
        status: int = 503,
        code: str = "SlowDown",
        *,
        after: bool = False,
    ) -> None:
        """Answer the next ``times`` matching requests with ``status``."""
        rule = Rule(pattern, times, status, code, after=after)
        self._post("rules", asdict(rule))

    def delay_next(self, pattern: str, seconds: float, times: int = 1) -> None:
        """Hold the next ``times`` matching requests back, then serve them."""
        self._post("rules", asdict(Rule(pattern, times, 0, delay=seconds)))

    def refuse_expedited(self, times: int) -> None:
        """Answer the next ``times`` Expedited retrievals with 503."""
        self._post("refuse-expedited", {"times": times})

    def drop_events(self, times: int) -> None:
        """Lose the next ``times`` ObjectRestore:Completed events."""
        self._post("drop-events", {"times": times})

    def set_retrieval_seconds(self, **by_tier: float) -> None:
        """How long a retrieval takes, for Expedited=, Standard=, Bulk=."""
        self._post("retrieval-seconds", by_tier)

    def reset(self) -> None:
        """Back to real time, no rules, no requests seen; objects and queues stay."""
        self._post("reset", {})

    def requests_seen(self, pattern: str = "") -> list[dict[str, Any]]:
        """The requests whose label matches, oldest first: label and status."""
        seen = self._get("requests")
        return [entry for entry in seen if re.search(pattern, entry["label"])]

    def objects(self) -> list[dict[str, Any]]:
        """Every object: bucket, key, version_id, size, storage_class, restore."""
        return self._get("objects")

    def incomplete_uploads(self) -> list[dict[str, Any]]:
        """Every multipart upload neither completed nor aborted: bucket, key, id."""
        return self._get("uploads")

    def _post(self, command: str, values: dict[str, Any]) -> None:
        answer = requests.post(self.url + PREFIX + command, json=values, timeout=10)
        answer.raise_for_status()

    def _get(self, command: str) -> list[dict[str, Any]]:
        answer = requests.get(self.url + PREFIX + command, timeout=10)
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()
        return found
