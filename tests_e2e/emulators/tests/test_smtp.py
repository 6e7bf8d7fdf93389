"""The mail server double, as Python's own smtplib sees it."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from email.message import EmailMessage

import pytest

from tests_e2e.emulators.loopback import HOST
from tests_e2e.emulators.smtp import SmtpSink


@pytest.fixture
def sink() -> Iterator[SmtpSink]:
    with SmtpSink() as sink:
        yield sink


def send(sink: SmtpSink, subject: str = "Done", text: str = "Hello") -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "gas@example.org", "ann@example.org", subject
    message.set_content(text)
    with smtplib.SMTP(HOST, sink.port, timeout=5) as client:
        client.send_message(message)


def test_a_mail_is_kept_as_it_was_sent(sink: SmtpSink) -> None:
    send(sink, "Done: naïve", "one\n.\n..two\n")
    (message,) = sink.wait_for(1, timeout=5)
    assert message["Subject"] == "Done: naïve"
    assert message["To"] == "ann@example.org"
    assert message.get_content().splitlines() == ["one", ".", "..two"]


def test_a_refused_mail_is_not_kept(sink: SmtpSink) -> None:
    sink.refuse_next(1)
    with pytest.raises(smtplib.SMTPSenderRefused):
        send(sink)
    assert sink.messages == []
    send(sink)
    assert len(sink.messages) == 1


def test_a_mail_can_be_accepted_without_the_sender_knowing(sink: SmtpSink) -> None:
    sink.accept_then_drop(1)
    with pytest.raises(smtplib.SMTPServerDisconnected):
        send(sink)
    assert len(sink.messages) == 1
    send(sink)
    assert len(sink.messages) == 2


def test_waiting_for_a_mail_that_does_not_come_ends(sink: SmtpSink) -> None:
    with pytest.raises(TimeoutError):
        sink.wait_for(1, timeout=0.05)
