"""Mail of the local profile: one file a mail in the state folder, shown in the console too."""

from __future__ import annotations

import os
import sys
import time
import uuid
from collections.abc import Sequence
from email import message_from_binary_file, policy
from email.utils import getaddresses
from pathlib import Path

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend


class FileBackend(BaseEmailBackend):
    """Writes `<milliseconds>-<random>.eml` beside, then renames, so that a reader sees whole mails."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Write and show each mail; returns how many."""
        settings.MAIL_DIR.mkdir(parents=True, exist_ok=True)
        for message in email_messages:
            name = f"{time.time_ns() // 1_000_000}-{uuid.uuid4().hex[:8]}.eml"
            beside = settings.MAIL_DIR / f".{name}"
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(message.message().as_bytes())
            beside.rename(settings.MAIL_DIR / name)
            to = ", ".join(message.to)
            sys.stdout.write(f"--- Mail to {to}: {message.subject} ({name})\n{message.body.rstrip()}\n---\n")
            sys.stdout.flush()
        return len(email_messages)


def delete_files_to(addresses: set[str]) -> None:
    """Delete the mails to these addresses, given in lower case; half-written ones too."""
    if not settings.MAIL_DIR.is_dir():
        return
    for file in settings.MAIL_DIR.iterdir():
        if file.name.endswith(".eml") and addresses & recipients(file):
            file.unlink(missing_ok=True)


def recipients(file: Path) -> set[str]:
    """The addresses a mail went to, in lower case; none where the file is gone."""
    try:
        with file.open("rb") as opened:
            message = message_from_binary_file(opened, policy=policy.default)
    except FileNotFoundError:
        return set()
    fields = [str(message[name]) for name in ("To", "Cc") if name in message]
    return {address.lower() for _, address in getaddresses(fields)}
