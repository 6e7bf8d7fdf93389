"""Telling the service what happened: signed, and as unreliably as a test wants it.

While deliveries are held they pile up; a test takes them (signed, to send itself) or lets them
go, in a shuffled order, several times each, some not at all. An answer other than 2xx is a
failure and is sent again.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import queue
import random
import threading
import time
from dataclasses import asdict, dataclass
from typing import Any

import requests

from tests_e2e.emulators.stripe.ledger import Object

TRIES = 5
PAUSE_SECONDS = 0.2


@dataclass(frozen=True)
class Mess:
    """What happens to a batch of deliveries on its way: order, copies of each, how many get lost."""

    seed: int = 0
    shuffle: bool = False
    copies: int = 1
    drop: int = 0

    def of(self, events: list[Object]) -> list[Object]:
        """The events as they arrive."""
        chance = random.Random(self.seed)
        kept = list(events)
        for _ in range(min(self.drop, len(kept))):
            kept.pop(chance.randrange(len(kept)))
        arriving = [event for event in kept for _ in range(self.copies)]
        if self.shuffle:
            chance.shuffle(arriving)
        return arriving


@dataclass
class Delivery:
    """One try to tell one event."""

    event: str
    type: str
    status: int  # 0: nobody answered


def sign(body: str, secret: str, moment: int | None = None) -> str:
    """The Stripe-Signature header of a body."""
    moment = int(time.time()) if moment is None else moment
    digest = hmac.new(secret.encode(), f"{moment}.{body}".encode(), hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"


class Courier:
    """Delivers events to the endpoint, from a thread of its own."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.endpoint = ""
        self.held: list[Object] | None = None  # None: deliver at once
        self.log: list[Delivery] = []
        self._queue: queue.Queue[Object] = queue.Queue()
        threading.Thread(target=self._run, daemon=True).start()

    def hear(self, event: Object) -> None:
        """An event was made."""
        if self.held is not None:
            self.held.append(event)
        elif self.endpoint:
            self._queue.put(event)

    def hold(self) -> None:
        """Keep deliveries back from now on."""
        self.held = [] if self.held is None else self.held

    def take(self, mess: Mess) -> list[dict[str, str]]:
        """What was held, signed, for the test to send itself; holding goes on."""
        events, self.held = self.held or [], []
        bodies = [json.dumps(event) for event in mess.of(events)]
        return [{"body": body, "signature": sign(body, self.secret)} for body in bodies]

    def release(self, mess: Mess) -> None:
        """Let what was held go, and deliver at once from now on."""
        events, self.held = self.held or [], None
        for event in mess.of(events):
            self._queue.put(event)

    def wait(self) -> None:
        """Until everything that was let go has been answered or given up."""
        self._queue.join()

    def state(self) -> dict[str, Any]:
        """What has been told, and what waits."""
        return {"held": len(self.held or []), "deliveries": [asdict(delivery) for delivery in self.log]}

    def _run(self) -> None:
        while True:
            event = self._queue.get()
            try:
                self._deliver(event)
            finally:
                self._queue.task_done()

    def _deliver(self, event: Object) -> None:
        body = json.dumps(event)
        for attempt in range(TRIES):
            headers = {"Stripe-Signature": sign(body, self.secret), "Content-Type": "application/json; charset=utf-8"}
            try:
                status = requests.post(self.endpoint, body.encode(), headers=headers, timeout=10).status_code
            except requests.RequestException:
                status = 0
            self.log.append(Delivery(event["id"], event["type"], status))
            if 200 <= status < 300:
                return
            time.sleep(PAUSE_SECONDS * 2**attempt)
