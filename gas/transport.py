"""Doorbells as files in a folder: kombu's file system transport, made safe for several processes.

What differs from the original: a message appears whole or not at all (written beside, then
renamed); its name orders messages by the time of day, which survives a reboot; it is taken by one
rename, which only one process can win; one that cannot be read is set aside instead of ending the
worker; the table of queues is changed under one lock and replaced whole, where the original
truncates it before it has the lock; a look into an empty folder ends soon, so that a worker hears that
it was asked to stop.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import filesystem
from kombu.utils.encoding import bytes_to_str, str_to_bytes
from kombu.utils.json import dumps, loads

logger = logging.getLogger(__name__)


class Channel(filesystem.Channel):
    """A channel on the folder; see the module for what is different."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for folder in (self.messages, self.taken, self.control_folder):
            folder.mkdir(parents=True, exist_ok=True)

    @property
    def messages(self) -> Path:
        """Where messages wait."""
        return Path(self.data_folder_in)

    @property
    def taken(self) -> Path:
        """Where a message is between its taking and its reading."""
        return Path(self.processed_folder)

    def get_table(self, exchange: str) -> list[filesystem.exchange_queue_t]:
        """The queues bound to an exchange; the file is replaced whole, so no lock is needed to read it."""
        try:
            return [filesystem.exchange_queue_t(*row) for row in loads(self._exchange_file(exchange).read_text())]
        except FileNotFoundError:
            return []

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        row = filesystem.exchange_queue_t(routing_key or "", pattern or "", queue or "")
        with self._table_lock():
            table = self.get_table(exchange)
            if row not in table:
                self._replace_table(exchange, [row, *table])

    def _delete(self, queue: str, exchange: str, routing_key: str, pattern: str, *args: Any, **kwargs: Any) -> None:
        row = filesystem.exchange_queue_t(routing_key or "", pattern or "", queue or "")
        self._purge(queue)
        with self._table_lock():
            self._replace_table(exchange, [other for other in self.get_table(exchange) if other != row])

    @contextmanager
    def _table_lock(self) -> Iterator[None]:
        with (self.control_folder / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _replace_table(self, exchange: str, table: list[filesystem.exchange_queue_t]) -> None:
        file = self._exchange_file(exchange)
        beside = file.with_name(f".{uuid.uuid4().hex}")
        beside.write_text(dumps(table))
        beside.replace(file)

    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:
        name = f"{time.time_ns():020d}_{uuid.uuid4().hex}.{queue}.msg"
        beside = self.messages / f".{name}"
        beside.write_bytes(str_to_bytes(dumps(payload)))
        beside.replace(self.messages / name)

    def _get(self, queue: str) -> Any:
        for name in self._waiting(queue):
            taken = self.taken / name
            try:
                (self.messages / name).rename(taken)
            except FileNotFoundError:
                continue  # another worker took it
            try:
                payload = loads(bytes_to_str(taken.read_bytes()))
            except ValueError:
                self._set_aside(taken)
                continue
            taken.unlink()
            return payload
        raise Empty

    def _set_aside(self, file: Path) -> None:
        folder = self.taken.parent / "unreadable"
        folder.mkdir(exist_ok=True)
        file.rename(folder / file.name)
        logger.warning("A message that cannot be read was set aside: %s", folder / file.name)

    def _waiting(self, queue: str) -> list[str]:
        """The names of a queue's messages, oldest first."""
        return sorted(name for name in os.listdir(self.messages) if name[0] != "." and name.endswith(f".{queue}.msg"))

    def _size(self, queue: str) -> int:
        return len(self._waiting(queue))

    def _purge(self, queue: str) -> int:
        waiting = self._waiting(queue)
        for name in waiting:
            (self.messages / name).unlink(missing_ok=True)
        return len(waiting)


class Transport(filesystem.Transport):
    """The transport registered as `fsatomic`."""

    Channel = Channel
    # One table of queues for the process, as the original has it.
    global_state = filesystem.Transport.global_state
    driver_type = "filesystem"
    driver_name = "fsatomic"

    def drain_events(self, connection: Any, timeout: float | None = None) -> None:
        """Deliver one message, or raise TimeoutError soon: Celery asks for two seconds and hears nothing meanwhile."""
        super().drain_events(connection, timeout and min(timeout, self.polling_interval))
