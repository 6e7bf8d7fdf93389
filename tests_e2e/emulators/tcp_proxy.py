"""A TCP proxy on loopback that cuts, resets, slows and refuses on command.

It stands between the service and PostgreSQL, SQS or S3, and knows nothing of
what it carries: the client sees what it would see of a broken network.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from tests_e2e.emulators.loopback import HOST

CHUNK_BYTES = 16 * 1024
SLICES_PER_SECOND = 20
# SO_LINGER with a time of zero: closing sends RST rather than FIN.
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(eq=False)
class Link:
    """One client's connection and the one behind it."""

    client: socket.socket
    server: socket.socket
    threads: list[threading.Thread] = field(default_factory=list)

    def reset(self) -> None:
        """End both sides at once; the client sees "connection reset by peer"."""
        for side in (self.client, self.server):
            with contextlib.suppress(OSError):
                side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
            side.close()


class TcpProxy:
    """Carries bytes between 127.0.0.1:``port`` and the target, unless told otherwise."""

    def __init__(self, target_port: int) -> None:
        self._target = (HOST, target_port)
        self._listener = socket.create_server((HOST, 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://{HOST}:{self.port}"
        self._links: set[Link] = set()
        self._lock = threading.Lock()
        self._is_down = False
        self._bytes_per_second: float | None = None
        self._drop_answer: Callable[[bytes], bool] | None = None
        self.dropped_answer = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        # Without the shutdown the accepting thread would hold the listener open.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Reset every connection there is; new ones are let through."""
        with self._lock:
            links, self._links = self._links, set()
        for link in links:
            link.reset()

    def go_down(self) -> None:
        """Reset every connection, and each new one as soon as it is made."""
        self._is_down = True
        self.cut()

    def come_back(self) -> None:
        """Let new connections through again."""
        self._is_down = False

    def slow_down(self, bytes_per_second: float | None) -> None:
        """Limit each direction of each connection; None: no limit."""
        self._bytes_per_second = bytes_per_second

    def cut_after_request(self, matches: Callable[[bytes], bool]) -> None:
        """Carry the first request that matches, then reset before its answer comes back.

        The server has done the work and the client does not know: the COMMIT whose
        answer is lost. ``dropped_answer`` is set when it has happened.
        """
        self.dropped_answer.clear()
        self._drop_answer = matches

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._is_down:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
                client.close()
                continue
            try:
                server = socket.create_connection(self._target, timeout=5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            self._carry(Link(client, server))

    def _carry(self, link: Link) -> None:
        with self._lock:
            self._links.add(link)
        doomed = threading.Event()
        link.threads = [
            threading.Thread(target=self._pump_requests, args=(link, doomed), daemon=True),
            threading.Thread(target=self._pump_answers, args=(link, doomed), daemon=True),
        ]
        for thread in link.threads:
            thread.start()

    def _pump_requests(self, link: Link, doomed: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := link.client.recv(CHUNK_BYTES):
                matches = self._drop_answer
                if matches and matches(data):
                    self._drop_answer = None
                    doomed.set()
                self._throttle(len(data))
                link.server.sendall(data)
        self._end(link, link.server)

    def _pump_answers(self, link: Link, doomed: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := link.server.recv(CHUNK_BYTES):
                if doomed.is_set():
                    link.reset()
                    self.dropped_answer.set()
                    break
                self._throttle(len(data))
                link.client.sendall(data)
        self._end(link, link.client)

    def _throttle(self, size: int) -> None:
        # In slices, so that a limit that is lifted is felt at once.
        sent = 0.0
        while (limit := self._bytes_per_second) and sent < size:
            time.sleep(1 / SLICES_PER_SECOND)
            sent += limit / SLICES_PER_SECOND

    def _end(self, link: Link, receiver: socket.socket) -> None:
        """One direction is done: pass the end on, forget the link when both are."""
        with contextlib.suppress(OSError):
            receiver.shutdown(socket.SHUT_WR)
        others = [thread for thread in link.threads if thread is not threading.current_thread()]
        if not any(thread.is_alive() for thread in others):
            with self._lock:
                self._links.discard(link)
            link.client.close()
            link.server.close()
