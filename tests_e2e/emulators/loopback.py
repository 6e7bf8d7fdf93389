"""Serve a WSGI application on 127.0.0.1, in a thread or as a process of its own."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

HOST = "127.0.0.1"
PROJECT = Path(__file__).resolve().parents[2]

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
WsgiApp = Callable[[Environ, StartResponse], Iterable[bytes]]


def free_port() -> int:
    """A TCP port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


class QuietHandler(WSGIRequestHandler):
    """A request handler that leaves the test's output alone."""

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002  (werkzeug's name)
        """Say nothing: a failed assertion tells more than an access log."""


class LoopbackServer:
    """A WSGI application served by threads, one for each request.

    Use it as a context manager; ``url`` is its address without a final slash.
    """

    def __init__(
        self,
        app: WsgiApp,
        port: int = 0,
        handler: type[WSGIRequestHandler] = QuietHandler,
    ) -> None:
        self._server: BaseWSGIServer = make_server(HOST, port, app, threaded=True, request_handler=handler)
        self.port: int = self._server.server_port
        self.url = f"http://{HOST}:{self.port}"
        # The interval is how long stopping may take; a test pays it every time.
        serve = partial(self._server.serve_forever, poll_interval=0.02)
        self._thread = threading.Thread(target=serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def serve_process(
    description: str,
    make_app: Callable[[], WsgiApp],
    handler: type[WSGIRequestHandler] = QuietHandler,
) -> None:
    """Serve until SIGTERM or SIGINT; write the port to ``--ready-fd`` once it listens.

    The file descriptor rather than a known port, because a port that was free
    when the parent looked may be taken when the child binds it.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ready-fd", type=int)
    options = parser.parse_args()
    parent = os.getppid()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with LoopbackServer(make_app(), options.port, handler) as server:
        if options.ready_fd is not None:
            os.write(options.ready_fd, f"{server.port}\n".encode())
            os.close(options.ready_fd)
        # A test run that was killed leaves nobody to stop us.
        while not stop.wait(1) and os.getppid() == parent:
            pass


@contextmanager
def run_module(module: str, *arguments: str) -> Iterator[str]:
    """Start a module that ends in ``serve_process``; yield its address, stop it after.

    Raises RuntimeError where it ends without having listened.
    """
    ready, told = os.pipe()
    command = [sys.executable, "-m", module, "--ready-fd", str(told), *arguments]
    process = subprocess.Popen(command, cwd=PROJECT, pass_fds=[told], start_new_session=True)
    os.close(told)
    try:
        with os.fdopen(ready) as pipe:
            port = pipe.readline().strip()
        if not port:
            raise RuntimeError(f"{module} ended before it listened: exit code {process.wait()}")
        yield f"http://{HOST}:{port}"
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
