"""A throw-away PostgreSQL for the tests, from the machine's own initdb.

PostgreSQL refuses to run as root: there every command is run as nobody. Its
folder lies directly under the temporary directory with a short name, because
the path of a Unix socket may not be longer than 107 bytes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import psycopg
from psycopg import sql

from tests_e2e.emulators.loopback import HOST, free_port

OPTIONS = (
    f"-c listen_addresses={HOST}",
    "-c fsync=off",
    "-c synchronous_commit=off",
    "-c full_page_writes=off",
    "-c max_connections=200",
)


class MissingPostgresError(Exception):
    """There is no initdb on this machine."""


@dataclass(frozen=True)
class Postgres:
    """One server on loopback; its superuser is ``postgres``, without a password."""

    folder: Path
    port: int

    @cached_property
    def _binaries(self) -> Path:
        return find_binaries()

    def url(self, database: str = "postgres", port: int | None = None) -> str:
        """Where a database is; ``port``: that of a proxy in front."""
        return f"postgresql://postgres@{HOST}:{port or self.port}/{database}"

    def create_database(self) -> str:
        """Make an empty database; return its name."""
        name = f"gas_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return name

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = " ".join((f"-p {self.port}", f"-c unix_socket_directories={self.folder}", *OPTIONS))
        self._run(
            "pg_ctl", "-D", str(self.folder / "data"), "-w", "-l", str(self.folder / "log"), "-o", options, "start"
        )

    def stop(self) -> None:
        """Stop at once, as a power cut would: nobody is told."""
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "stop")

    def initialise(self) -> None:
        """Make the cluster's files."""
        locale = ("-E", "UTF8", "--locale=C.UTF-8")
        self._run("initdb", "-D", str(self.folder / "data"), "-U", "postgres", "-A", "trust", "--no-sync", *locale)

    def _run(self, program: str, *arguments: str) -> None:
        command = [*as_ordinary_user(), str(self._binaries / program), *arguments]
        # pg_ctl leaves the server behind, which would keep a pipe open: hence files, not pipes.
        with tempfile.TemporaryFile() as said:
            done = subprocess.run(command, cwd=self.folder, stdout=said, stderr=said, check=False)
            said.seek(0)
            if done.returncode:
                raise RuntimeError(f"{program}: {said.read().decode(errors='replace')}")


def find_binaries() -> Path:
    """The folder of initdb. Raises MissingPostgresError."""
    on_path = shutil.which("initdb")
    # The real folder: pg_ctl looks for postgres beside itself.
    candidates = [Path(on_path).resolve().parent] if on_path else []
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in candidates:
        if (folder / "initdb").exists() and (folder / "pg_ctl").exists():
            return folder
    raise MissingPostgresError("PostgreSQL's initdb is neither on PATH nor under /usr/lib/postgresql")


def as_ordinary_user() -> tuple[str, ...]:
    """What to put before a command so that it does not run as root."""
    if os.geteuid() != 0:
        return ()
    return ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")


@contextmanager
def run_postgres() -> Iterator[Postgres]:
    """A running server that is gone, with its files, at the end."""
    find_binaries()
    folder = Path(tempfile.mkdtemp(prefix="gaspg-", dir=tempfile.gettempdir()))
    if as_ordinary_user():
        shutil.chown(folder, "nobody", "nogroup")
    server = Postgres(folder, free_port())
    try:
        server.initialise()
        server.start()
        yield server
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)
