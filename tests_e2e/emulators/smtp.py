"""A mail server on loopback that keeps what it accepts (RFC 5321, without extensions).

It can refuse with 451, or accept a message and cut the line before saying so:
then the sender does not know that the mail went out.
"""

from __future__ import annotations

import email
import email.policy
import socketserver
import sys
import threading
from collections.abc import Callable
from email.message import EmailMessage
from types import TracebackType
from typing import Self, cast

from tests_e2e.emulators.loopback import HOST


class _Conversation(socketserver.StreamRequestHandler):
    """One client: EHLO, MAIL, RCPT, DATA, QUIT."""

    def handle(self) -> None:
        """Answer command after command until QUIT or the end of the line."""
        sink = cast(_Server, self.server).sink
        self._say("220 loopback")
        while line := self.rfile.readline().decode("latin-1").strip():
            verb = line.split()[0].upper()
            if verb == "DATA":
                if not self._take_message(sink):
                    return
            elif verb == "QUIT":
                self._say("221 bye")
                return
            elif verb == "MAIL" and sink.take_refusal():
                self._say("451 try again later")
            elif verb in {"EHLO", "HELO", "MAIL", "RCPT", "RSET", "NOOP"}:
                self._say("250 ok")
            else:
                self._say("502 not implemented")

    def _take_message(self, sink: SmtpSink) -> bool:
        """Read up to the lone full stop. False: the line is to be cut now."""
        self._say("354 go on")
        lines = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        if not sink.store(b"".join(lines)):
            return False
        self._say("250 accepted")
        return True

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    sink: SmtpSink

    def handle_error(self, request: object, client_address: object) -> None:
        """A sender that is gone is what a test asked for; anything else is printed."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class SmtpSink:
    """A running mail server; ``messages`` are those accepted, oldest first.

    ``before_answer`` is called once, when the next mail is kept and its sender not yet told.
    """

    def __init__(self) -> None:
        self._server = _Server((HOST, 0), _Conversation)
        self._server.sink = self
        self.port: int = self._server.server_address[1]
        self._arrived = threading.Condition()
        self._messages: list[EmailMessage] = []
        self._refusals = 0
        self._drops = 0
        self.before_answer: Callable[[], None] | None = None
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def messages(self) -> list[EmailMessage]:
        """A copy of what was accepted so far."""
        with self._arrived:
            return list(self._messages)

    def refuse_next(self, times: int) -> None:
        """Answer the next ``times`` mails with 451."""
        with self._arrived:
            self._refusals = times

    def accept_then_drop(self, times: int) -> None:
        """Keep the next ``times`` mails but cut the line before the 250."""
        with self._arrived:
            self._drops = times

    def wait_for(self, count: int, timeout: float) -> list[EmailMessage]:
        """Wait until ``count`` mails were accepted. Raises TimeoutError."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self._messages) >= count, timeout):
                raise TimeoutError(f"{len(self._messages)} of {count} mails after {timeout} s")
            return list(self._messages)

    def take_refusal(self) -> bool:
        """Use up one refusal, if one is left."""
        with self._arrived:
            self._refusals -= 1
            return self._refusals >= 0

    def store(self, raw: bytes) -> bool:
        """Keep a message; False: the sender is not to be told."""
        with self._arrived:
            message = email.message_from_bytes(raw, policy=email.policy.default)
            self._messages.append(message)
            self._arrived.notify_all()
            self._drops -= 1
            is_told = self._drops < 0
            act, self.before_answer = self.before_answer, None
        if act:
            act()
        return is_told
