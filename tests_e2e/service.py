"""The real service for a test: the programs of `manage.py run`, each a process the test may hurt.

A Deployment is a prepared state (database, static files, reference) with its
settings; it starts programs, runs management commands and looks into the
database with plain SQL, as an operator would.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import requests

from tests_e2e.emulators.loopback import HOST, PROJECT

# Scaled down from 30, 60, 15 and 20 seconds; the mechanism is the same.
QUICK_CLOCKS = {
    "GAS_SWEEP_SECONDS": "0.5",
    "GAS_LEASE_SECONDS": "3",
    "GAS_HEARTBEAT_SECONDS": "0.5",
    "GAS_GRACE_SECONDS": "1",
}
READY_SECONDS = 60.0
STOP_SECONDS = 20.0
POLL_SECONDS = 0.05
PROGRAMS = ("web", "annotate", "control", "beat")

# Prints the programs as `manage.py run` would start them with these settings.
LIST_PROGRAMS = """
import json, django
django.setup()
from gas.management.commands import run
print(json.dumps({program.name: list(program.command) for program in run.programs()}))
"""
PREPARE = """
import django
django.setup()
from gas import startup
startup.require_settings()
startup.prepare_database()
startup.collect_static_files()
startup.prepare_reference(print)
"""


def wait_until(holds: Callable[[], Any], what: str, timeout: float = 30.0) -> Any:
    """Ask again and again until the answer is true; return it. Raises TimeoutError."""
    ends = time.monotonic() + timeout
    while not (answer := holds()):
        if time.monotonic() > ends:
            raise TimeoutError(f"{what}: not within {timeout:g} s")
        time.sleep(POLL_SECONDS)
    return answer


@dataclass
class Running:
    """One started program: the leader of its own process group."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        """The leader's."""
        return self.process.pid

    def said(self, text: str) -> bool:
        """Whether its log has this text."""
        return text in self.log.read_text(errors="replace")

    def wait_for_line(self, text: str, timeout: float = READY_SECONDS) -> None:
        """Wait until the log has this text. Raises TimeoutError, with the log's end."""

        def has_it() -> bool:
            if self.process.poll() is not None and not self.said(text):
                raise RuntimeError(f"{self.name} ended with {self.process.returncode}: {self.tail()}")
            return self.said(text)

        wait_until(has_it, f"{self.name} says {text!r}", timeout)

    def tail(self) -> str:
        """The last lines of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-30:])

    def kill(self) -> None:
        """SIGKILL to the whole group: a power cut."""
        self.signal_group(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM to the leader, as the supervisor does; return its exit status."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
                raise RuntimeError(f"{self.name} did not stop within {STOP_SECONDS:g} s: {self.tail()}") from None
        self.signal_group(signal.SIGKILL)
        return int(self.process.returncode)

    def signal_group(self, number: signal.Signals) -> None:
        """Signal the leader and all that stayed in its group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)


@dataclass
class Deployment:
    """A state folder with its settings. ``folder`` is GAS_VAR_DIR; the port is GAS_PORT."""

    folder: Path
    environment: dict[str, str]
    database: str = ""  # a PostgreSQL URL that does not pass any proxy; "": SQLite in the folder
    running: list[Running] = field(default_factory=list)
    _commands: dict[str, list[str]] = field(default_factory=dict)
    _started: int = 0

    @property
    def url(self) -> str:
        """Where the pages are. By name, as users and the CSRF check see it."""
        return f"http://localhost:{self.environment['GAS_PORT']}"

    def prepare(self) -> None:
        """What `manage.py run` does before it starts the programs."""
        self._python("-c", PREPARE)

    def start(self, *names: str, **environment: str) -> list[Running]:
        """Start programs (web, annotate, control, beat) and wait until each is ready."""
        started = [self._start(name, environment) for name in names]
        for program in started:
            self._wait_ready(program)
        return started

    def start_one(self, name: str, **environment: str) -> Running:
        """Start one program; settings given here are its own."""
        return self.start(name, **environment)[0]

    def _start(self, name: str, environment: Mapping[str, str]) -> Running:
        if not self._commands:
            self._commands = json.loads(self._python("-c", LIST_PROGRAMS))
        self._started += 1
        log = self.folder / f"{name}-{self._started}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                self._commands[name],
                cwd=PROJECT,
                env={**self._environment(), **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        program = Running(name, process, log)
        self.running.append(program)
        return program

    def _wait_ready(self, program: Running) -> None:
        if program.name == "web":
            wait_until(lambda: self._answers(program), f"the pages answer: {program.tail()}", READY_SECONDS)
        elif program.name != "beat":
            program.wait_for_line("worker is ready")

    def _answers(self, program: Running) -> bool:
        if program.process.poll() is not None:
            raise RuntimeError(f"web ended: {program.tail()}")
        with contextlib.suppress(requests.RequestException):
            return requests.get(f"{self.url}/healthz", timeout=5).ok
        return False

    def stop(self, *programs: Running) -> None:
        """Stop these programs, or all."""
        chosen = programs or tuple(self.running)
        for program in chosen:
            if program.process.poll() is None:
                program.process.terminate()
        for program in chosen:
            program.stop()
            if program in self.running:
                self.running.remove(program)

    def kill_all(self) -> None:
        """End everything at once, annotators in groups of their own too."""
        for program in self.running:
            program.kill()
        self.running.clear()
        for pid in self.annotators():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def manage(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a management command with these settings."""
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(
            command, cwd=PROJECT, env=self._environment(), capture_output=True, text=True, timeout=120, check=False
        )
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done

    def run_code(self, code: str) -> str:
        """Run Python with Django set up; return what it printed."""
        return self._python("-c", f"import django\ndjango.setup()\n{code}")

    def check_invariants(self) -> None:
        """Assert that every invariant holds, checksums included."""
        done = self.manage("check_invariants", "--deep", check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query, asked of the database itself."""
        if self.database:
            with psycopg.connect(self.database) as server:
                return server.execute(query.encode()).fetchall()
        with contextlib.closing(sqlite3.connect(self.folder / "gas.sqlite3", timeout=30)) as file:
            return file.execute(query).fetchall()

    def jobs(self) -> list[dict[str, Any]]:
        """Each job, oldest first: status, attempt, crashes, failure_code, name."""
        names = ("status", "attempt", "crashes", "failure_code", "name")
        found = self.rows(f"SELECT {', '.join(names)} FROM annotations_job ORDER BY submitted_at, id")
        return [dict(zip(names, row, strict=True)) for row in found]

    def wait_for_jobs(self, count: int, timeout: float = 60.0) -> list[dict[str, Any]]:
        """Wait until ``count`` jobs have ended, and return all."""

        def ended() -> bool:
            return len([job for job in self.jobs() if job["status"] not in {"pending", "running"}]) >= count

        try:
            wait_until(ended, f"{count} jobs have ended", timeout)
        except TimeoutError as late:
            logs = "\n".join(program.tail() for program in self.running)
            raise TimeoutError(f"{late}: {self.jobs()}\n{logs}") from None
        return self.jobs()

    def annotators(self) -> list[int]:
        """The process ids of annotators that work for this deployment."""
        return processes_with(f"{self.folder}/work")

    def wait_for_annotator(self, timeout: float = 30.0) -> int:
        """Wait until an annotator works, and return its process id."""
        found: list[int] = wait_until(self.annotators, "an annotator works", timeout)
        return found[0]

    def mails(self) -> list[Path]:
        """The mails of the local profile, oldest first."""
        return sorted((self.folder / "mail").glob("*.eml"))

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("GAS_", "AWS_", "PYTEST_"))}
        ours = {
            "DJANGO_SETTINGS_MODULE": "gas.settings",
            "PYTHONPATH": str(PROJECT),
            "PYTHONUNBUFFERED": "1",
            "GAS_VAR_DIR": str(self.folder),
        }
        return {**kept, **ours, **self.environment}

    def _python(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=PROJECT,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)
        return done.stdout


def processes_with(marker: str) -> list[int]:
    """Process ids whose command line has this text, zombies and ourselves left out."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if marker.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
    return found


def is_alive(pid: int) -> bool:
    """Whether a process exists and is not a zombie."""
    try:
        state = (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def has_port(url: str) -> int:
    """The port in an address on loopback."""
    assert f"://{HOST}:" in url, url
    return int(url.rpartition(":")[2])
