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
from collections.abc import Mapping
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as email_policy
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import requests

from tests_e2e.emulators.loopback import PROJECT
from tests_e2e.processes import READY_SECONDS, Running, has_data_limit, processes_with, wait_until
from tests_e2e.ready_python import ReadyPython

# Scaled down from 30, 60, 15 and 20 seconds; the mechanism is the same.
QUICK_CLOCKS = {
    "GAS_SWEEP_SECONDS": "0.5",
    "GAS_LEASE_SECONDS": "3",
    "GAS_HEARTBEAT_SECONDS": "0.5",
    "GAS_GRACE_SECONDS": "1",
}

# Prints the programs as `manage.py run` would start them with these settings.
LIST_PROGRAMS = """
import json, django
django.setup()
from gas.management.commands import run
print(json.dumps({program.name: list(program.command) for program in run.programs()}))
"""
CHECK_INVARIANTS = """
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", "check_invariants", "--deep"])
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


@dataclass
class Deployment:
    """A state folder with its settings. ``folder`` is GAS_VAR_DIR; the port is GAS_PORT."""

    folder: Path
    environment: dict[str, str]
    database: str = ""  # a PostgreSQL URL that does not pass any proxy; "": SQLite in the folder
    running: list[Running] = field(default_factory=list)
    _commands: dict[tuple[tuple[str, str], ...], dict[str, list[str]]] = field(default_factory=dict)
    _started: int = 0
    _python_here: ReadyPython | None = None

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
        commands = self._commands_with(environment)
        self._started += 1
        log = self.folder / f"{name}-{self._started}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                commands[name],
                # `python -m` looks here first: another release runs its own code.
                cwd=environment.get("PYTHONPATH", PROJECT),
                env={**self._environment(), **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        program = Running(name, process, log)
        self.running.append(program)
        return program

    def _commands_with(self, environment: Mapping[str, str]) -> dict[str, list[str]]:
        """The programs' commands; asked anew only for what is an option there: numbers of slots and threads."""
        asked = tuple(sorted(item for item in environment.items() if item[0].endswith(("_SLOTS", "_THREADS"))))
        if asked not in self._commands:
            listed = self._python("-c", LIST_PROGRAMS, **dict(asked)) if asked else self.run_code(LIST_PROGRAMS)
            self._commands[asked] = json.loads(listed)
        return self._commands[asked]

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

    def rest(self) -> None:
        """Let beat stand still until the next test: a site that sweeps twice a second takes the cores from others."""
        for program in self.running:
            if program.name == "beat":
                program.signal_group(signal.SIGSTOP)

    def wake(self) -> None:
        """Let everything run, whatever a test that broke off had stopped."""
        for program in self.running:
            program.signal_group(signal.SIGCONT)

    def freeze(self, *programs: Running) -> None:
        """Stop programs (SIGSTOP) with all their processes."""
        self.freeze_processes(*(-program.pid for program in programs))

    def freeze_processes(self, *pids: int) -> None:
        """Stop processes, or groups by their negative number; none in the middle of a write: it would keep the lock."""

        def are_frozen() -> bool:
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            if self._can_be_written():
                return True
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
            return False

        wait_until(are_frozen, "the processes stand still")

    def _can_be_written(self) -> bool:
        """Whether nobody holds SQLite's one lock; PostgreSQL has one for each row."""
        if self.database:
            return True
        with contextlib.closing(sqlite3.connect(self.folder / "gas.sqlite3", timeout=0.5)) as file:
            try:
                file.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
            return True

    def stop(self, *programs: Running) -> None:
        """Stop these programs, or all."""
        chosen = programs or tuple(self.running)
        for program in chosen:
            program.ask_to_stop()
        self.running = [program for program in self.running if program not in chosen]
        for program in chosen:
            program.wait_stopped()

    def kill_all(self) -> None:
        """End everything at once, annotators in groups of their own too."""
        for program in self.running:
            program.kill()
        self.running.clear()
        self._end_python()
        for pid in self.annotators():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def manage(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a management command with these settings."""
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(
            command, cwd=PROJECT, env=self._environment(), capture_output=True, text=True, timeout=300, check=False
        )
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done

    def attempt_code(self, code: str, fault: str = "") -> subprocess.CompletedProcess[str]:
        """Run Python with Django set up, in a process of its own that dies at the fault point."""
        environment = self._environment()
        if self._python_here is None or self._python_here.environment != environment:
            self._end_python()
            self._python_here = ReadyPython(environment)
        return self._python_here.run(code, fault)

    def _end_python(self) -> None:
        if self._python_here is not None:
            self._python_here.end()
            self._python_here = None

    def run_code(self, code: str) -> str:
        """Run Python with Django set up; return what it printed."""
        done = self.attempt_code(code)
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)
        return done.stdout

    def check_invariants(self) -> None:
        """Assert that every invariant holds, checksums included."""
        done = self.attempt_code(CHECK_INVARIANTS)
        assert done.returncode == 0, done.stdout + done.stderr

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query, asked of the database itself."""
        if self.database:
            with psycopg.connect(self.database) as server:
                return server.execute(query.encode()).fetchall()
        with contextlib.closing(sqlite3.connect(self.folder / "gas.sqlite3", timeout=30)) as file, file:
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

    def job(self, address: str) -> dict[str, Any]:
        """One job, by the address of its page."""
        names = ("status", "attempt", "crashes", "failure_code", "name")
        (row,) = self.rows(f"SELECT {', '.join(names)} FROM annotations_job WHERE {_is_job('id', address)}")
        return dict(zip(names, row, strict=True))

    def wait_for_job(self, address: str, timeout: float = 90.0) -> dict[str, Any]:
        """Wait until a job has ended, and return it."""
        try:
            wait_until(lambda: self.job(address)["status"] not in {"pending", "running"}, "the job ends", timeout)
        except TimeoutError as late:
            logs = "\n".join(program.tail() for program in self.running)
            raise TimeoutError(f"{late}: {self.job(address)}\n{logs}") from None
        return self.job(address)

    def results_of(self, address: str) -> list[int]:
        """The attempts that the results of a job are from."""
        found = self.rows(f"SELECT attempt FROM annotations_result WHERE {_is_job('job_id', address)}")
        return [attempt for (attempt,) in found]

    def events_of(self, address: str) -> list[str]:
        """The kinds of a job's timeline, oldest first."""
        found = self.rows(f"SELECT kind FROM annotations_jobevent WHERE {_is_job('job_id', address)} ORDER BY id")
        return [kind for (kind,) in found]

    def open_promises(self) -> int:
        """How many outbox messages wait."""
        ((count,),) = self.rows("SELECT count(*) FROM gas_outboxmessage WHERE status = 'pending'")
        return int(count)

    def promise_status(self, kind: str) -> str:
        """How the latest outbox message of a kind stands: pending, done, failed."""
        ((status, _),) = self._promise(kind)
        return str(status)

    def promise_tries(self, kind: str) -> int:
        """How often the latest outbox message of a kind was tried."""
        ((_, tries),) = self._promise(kind)
        return int(tries)

    def _promise(self, kind: str) -> list[tuple[Any, ...]]:
        return self.rows(
            f"SELECT status, tries FROM gas_outboxmessage WHERE kind = '{kind}' ORDER BY created_at DESC LIMIT 1"
        )

    def end_promise_leases(self) -> None:
        """Let the minute pass for which a promise belongs to the worker that took it."""
        self._end("gas_outboxmessage", "lease_until")

    def end_hot_storage(self) -> None:
        """Let the week pass for which a Free user's result stays in hot storage."""
        self._end("annotations_result", "archive_due_at")

    def _end(self, table: str, moment: str) -> None:
        """What a table's rows wait for is now."""
        now = "now()" if self.database else "strftime('%Y-%m-%d %H:%M:%f', 'now', '-1 second')"
        self.rows(f"UPDATE {table} SET {moment} = {now} WHERE {moment} IS NOT NULL RETURNING 1")

    def sweeps_finished(self) -> dict[str, Any]:
        """When each sweep last finished, in the database's own writing."""
        return dict(self.rows("SELECT name, finished_at FROM gas_sweeprun WHERE finished_at IS NOT NULL"))

    def waiting_messages(self, queue: str) -> list[Path]:
        """The messages of the file broker that no worker took yet."""
        return sorted((self.folder / "broker" / "messages").glob(f"[!.]*.{queue}.msg"))

    def stored_attempts(self, address: str) -> set[int]:
        """The attempts that have result files in local storage."""
        folder = self.folder / "storage" / "results"
        job_id = address.strip("/").rpartition("/")[2]
        return {int(path.name) for found in folder.rglob(job_id) for path in found.iterdir()}

    def hold_annotators(self, count: int) -> list[int]:
        """Stop (SIGSTOP) so many annotators, for a job that takes as long as the test wants; [] where fewer run.

        Only those that are confined already: before that, nothing would end them with their worker.
        """
        found = [pid for pid in self.annotators() if has_data_limit(pid)]
        if len(found) < count:
            return []
        for pid in found:
            os.kill(pid, signal.SIGSTOP)
        return found

    def hold_annotator(self) -> int:
        """Wait for an annotator and stop it (SIGSTOP); return its process id."""
        held: list[int] = wait_until(lambda: self.hold_annotators(1), "an annotator works")
        return held[0]

    def annotators(self) -> list[int]:
        """The process ids of annotators that work for this deployment."""
        return processes_with(f"{self.folder}/work")

    def wait_for_annotator(self, timeout: float = 30.0) -> int:
        """Wait until an annotator works, and return its process id."""
        found: list[int] = wait_until(self.annotators, "an annotator works", timeout)
        return found[0]

    def mails_about(self, text: str) -> list[EmailMessage]:
        """The mails of the local profile that name a job's page or go to an address, oldest first."""
        files = sorted((self.folder / "mail").glob("*.eml"))
        mails = [message_from_bytes(file.read_bytes(), policy=email_policy) for file in files]
        return [mail for mail in mails if text in str(mail["To"]) or text in mail.get_content()]

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("GAS_", "AWS_", "PYTEST_"))}
        ours = {
            "DJANGO_SETTINGS_MODULE": "gas.settings",
            "PYTHONPATH": str(PROJECT),
            "PYTHONUNBUFFERED": "1",
            "GAS_VAR_DIR": str(self.folder),
        }
        return {**kept, **ours, **self.environment}

    def _python(self, *arguments: str, **environment: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=PROJECT,
            env={**self._environment(), **environment},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)
        return done.stdout


def _is_job(column: str, address: str) -> str:
    """A condition on a UUID column that SQLite (32 hex digits) and PostgreSQL (uuid) understand."""
    job_id = UUID(address.strip("/").rpartition("/")[2])
    return f"REPLACE(CAST({column} AS TEXT), '-', '') = '{job_id.hex}'"
