"""What the double knows: objects by id, a clock that a test moves, and the events it has to tell."""

from __future__ import annotations

import copy
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any

import stripe

from tests_e2e.emulators.stripe.parameters import missing

Object = dict[str, Any]
PREFIXES = {
    "customer": "cus",
    "product": "prod",
    "price": "price",
    "checkout.session": "cs_test",
    "subscription": "sub",
    "subscription_item": "si",
    "invoice": "in",
    "billing_portal.session": "bps",
    "event": "evt",
}


class Ledger:
    """All objects of one Stripe account. Hold `lock` around a request."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.objects: dict[str, Object] = {}  # in the order in which they were made
        self.ahead = 0
        self.base_url = ""  # where the double's own pages are
        self.listeners: list[Callable[[Object], None]] = []

    def now(self) -> int:
        """Unix seconds: real time plus what the test has advanced it by."""
        return int(time.time()) + self.ahead

    def add(self, kind: str, **fields: Any) -> Object:
        """A new object with an id that nobody can guess."""
        identity = f"{PREFIXES[kind]}_{secrets.token_hex(8)}"
        made = {"id": identity, "object": kind, "created": self.now(), "livemode": False, **fields}
        self.objects[identity] = made
        return made

    def get(self, kind: str, identity: str, param: str = "id") -> Object:
        """The object. Raises the 404 that Stripe answers; a deleted one is gone too."""
        found = self.objects.get(identity)
        if found is None or found["object"] != kind or found.get("deleted"):
            raise missing(kind.rpartition(".")[2], identity, param)
        return found

    def all(self, kind: str, **where: Any) -> list[Object]:
        """Objects of a kind whose fields are as given, newest first."""
        return [
            found
            for found in reversed(self.objects.values())
            if found["object"] == kind
            and not found.get("deleted")
            and all(found.get(name) == value for name, value in where.items())
        ]

    def emit(self, kind: str, about: Object) -> None:
        """Tell what has happened, with the object as it is at this moment."""
        event = self.add(
            "event",
            api_version=stripe.api_version,
            data={"object": copy.deepcopy(about)},
            pending_webhooks=1,
            request={"id": None, "idempotency_key": None},
            type=kind,
        )
        for listen in self.listeners:
            listen(event)


def listed(found: list[Object], url: str, params: Object) -> Object:
    """One page of a list, by `limit` and `starting_after`."""
    limit = params.get("limit", 10)
    after = params.get("starting_after")
    if after is not None:
        ids = [one["id"] for one in found]
        if after not in ids:
            raise missing("object", after, "starting_after")
        found = found[ids.index(after) + 1 :]
    return {"object": "list", "url": url, "has_more": len(found) > limit, "data": found[:limit]}
