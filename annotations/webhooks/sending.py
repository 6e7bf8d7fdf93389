"""One signed POST: to an address that was looked at, within seconds, following nothing."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import socket
import ssl
from contextlib import suppress
from threading import Timer
from time import time
from typing import Any, Final

from django.utils.crypto import salted_hmac

from annotations.webhooks.addresses import Target, resolve
from annotations.webhooks.models import Delivery, Webhook
from gas.version import VERSION

SECONDS: Final = 5.0  # for one step; all of them together may take twice that
READ_BYTES: Final = 1024  # of the answer, which nobody looks at


class NotTakenError(Exception):
    """The program did not say that it has the event; the message says what happened instead."""


def secret_of(webhook: Webhook) -> str:
    """What the webhook's events are signed with: made of its id and the service's key, so that no row holds it."""
    return "whsec_" + salted_hmac("annotations.webhooks", str(webhook.pk), algorithm="sha256").hexdigest()


def body_of(delivery: Delivery) -> bytes:
    """The event as JSON; the same at every try."""
    event = {
        "id": str(delivery.pk),
        "type": delivery.kind,
        "created_at": delivery.created_at.isoformat(),
        "data": delivery.data,
    }
    return json.dumps(event, separators=(",", ":"), sort_keys=True).encode()


def sign(secret: str, moment: int, body: bytes) -> str:
    """The header GAS-Signature: HMAC-SHA256, in hexadecimal, over the moment in seconds, a dot and the body."""
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"


def post(delivery: Delivery) -> int:
    """Send the event; the status of the answer, from 200 to 299. Raises NotTakenError and RefusedAddressError."""
    webhook = delivery.webhook
    target = resolve(webhook.url)
    body = body_of(delivery)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"GAS/{VERSION}",
        "GAS-Event": delivery.kind,
        "GAS-Event-Id": str(delivery.pk),
        "GAS-Signature": sign(secret_of(webhook), int(time()), body),
    }
    try:
        status = _ask(target, body, headers)
    except TimeoutError as error:
        raise NotTakenError(f"no answer within {SECONDS:.0f} seconds") from error
    except ssl.SSLError as error:
        raise NotTakenError("its certificate is not valid, or it speaks no TLS") from error
    except (OSError, http.client.HTTPException) as error:
        raise NotTakenError("the connection failed") from error
    if not 200 <= status < 300:
        raise NotTakenError(f"answered {status}")
    return status


def _ask(target: Target, body: bytes, headers: dict[str, str]) -> int:
    connection = _Pinned(target)
    connection.connect()
    overdue = Timer(2 * SECONDS, connection.cut)  # for who answers a byte at a time
    overdue.start()
    try:
        connection.request("POST", target.path, body, headers)
        answer = connection.getresponse()
        answer.read(READ_BYTES)
        return answer.status
    finally:
        overdue.cancel()
        connection.close()


class _Pinned(http.client.HTTPConnection):
    """Connects to the address that was looked at, whatever the name means by now."""

    def __init__(self, target: Target) -> None:
        super().__init__(target.host, target.port, timeout=SECONDS)
        self.target = target
        self.default_port = 443 if target.is_https else 80  # so that Host names no usual port

    def connect(self) -> None:
        """Open the socket; with TLS the certificate is the name's."""
        self.sock: Any = socket.create_connection((self.target.address, self.target.port), SECONDS)
        if self.target.is_https:
            context = ssl.create_default_context()
            self.sock = context.wrap_socket(self.sock, server_hostname=self.target.host)

    def cut(self) -> None:
        """End whatever is going on."""
        if self.sock is not None:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)
