"""A service of its own to measure: `manage.py run` in an empty state folder, on a free port, gone at the end."""

from __future__ import annotations

import os
import platform
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from tests_e2e.emulators.loopback import free_port
from tests_e2e.visitor import MAKE_USERS, PASSWORD

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 600
JOBS_SECONDS = 1800


@dataclass(frozen=True)
class EndedJob:
    """What became of a job; times in seconds."""

    status: str
    attempt: int
    claimed_after: float  # since it was submitted, to the latest claim
    submitted_at: datetime
    finished_at: datetime


@dataclass
class RunningSite:
    """The service, its address and its state folder."""

    var: Path
    environment: dict[str, str] = field(default_factory=dict)
    code: Path = ROOT

    @property
    def url(self) -> str:
        """Where the pages are."""
        return f"http://localhost:{self.environment['GAS_PORT']}"

    def run_code(self, code: str) -> None:
        """Run Python with Django set up."""
        command = [sys.executable, "-c", f"import django\ndjango.setup()\n{code}"]
        environment = {**self.environment, "DJANGO_SETTINGS_MODULE": "gas.settings", "GAS_LOG_LEVEL": "WARNING"}
        subprocess.run(command, cwd=self.code, env=environment, check=True)

    def make_users(self, count: int) -> None:
        """user0@example.org, user1@example.org …"""
        emails = [f"user{number}@example.org" for number in range(count)]
        self.run_code(MAKE_USERS.format(emails=emails, password=PASSWORD))

    def wait_for_all_jobs(self) -> list[EndedJob]:
        """All jobs, once none is open."""
        ends = time.monotonic() + JOBS_SECONDS
        while self._rows("SELECT 1 FROM annotations_job WHERE finished_at IS NULL LIMIT 1"):
            if time.monotonic() > ends:
                raise TimeoutError("some jobs did not end")
            time.sleep(1)
        found = self._rows("SELECT status, attempt, submitted_at, started_at, finished_at FROM annotations_job")
        moments = [(status, attempt, *map(_moment, times)) for status, attempt, *times in found]
        return [
            EndedJob(status, attempt, (started - submitted).total_seconds(), submitted, finished)
            for status, attempt, submitted, started, finished in moments
        ]

    def web_cpu_seconds(self) -> float:
        """What the web server's processes have worked so far, without the children that look at uploads."""
        mark = f":{self.environment['GAS_PORT']}\0".encode()
        ticks = 0
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (folder / "cmdline").read_bytes() and b"gunicorn" in (folder / "cmdline").read_bytes():
                    fields = (folder / "stat").read_text().rpartition(")")[2].split()
                    ticks += int(fields[11]) + int(fields[12])  # utime and stime, without children
            except OSError:  # it ended meanwhile
                continue
        return ticks / os.sysconf("SC_CLK_TCK")

    def invariants_hold(self) -> bool:
        """Ask check_invariants; it prints what is broken."""
        command = [sys.executable, "manage.py", "check_invariants", "--deep"]
        return subprocess.run(command, cwd=self.code, env=self.environment, check=False).returncode == 0

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.var / "gas.sqlite3", timeout=30)) as file:
            return file.execute(query).fetchall()


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


@contextmanager
def running_site(var: Path, settings: Mapping[str, str], code: Path = ROOT) -> Iterator[RunningSite]:
    """`manage.py run` with these settings; a reference and compiled loops that are there already are used.

    code: the folder of the project, of whatever version.
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith("GAS_")}
    state = Path(os.environ.get("GAS_VAR_DIR") or ROOT / "var").resolve()
    site = RunningSite(var, {**own, "GAS_VAR_DIR": str(var), "GAS_PORT": str(free_port()), **settings}, code)
    if (state / "numba").exists():
        site.environment["NUMBA_CACHE_DIR"] = str(state / "numba")
    if (state / "references" / "demo").exists():
        shutil.copytree(state / "references" / "demo", var / "references" / "demo")
    var.mkdir(parents=True, exist_ok=True)
    with (var / "service.log").open("wb") as log:
        command = [sys.executable, "manage.py", "run"]
        service = subprocess.Popen(command, cwd=code, env=site.environment, stdout=log, stderr=log)
        try:
            _wait_until_it_answers(site, service)
            yield site
        finally:
            if service.poll() is None:  # an upgrade ends it by itself
                service.send_signal(signal.SIGTERM)
            service.wait(60)


def _wait_until_it_answers(site: RunningSite, service: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + START_SECONDS
    while service.poll() is None and time.monotonic() < ends:
        try:
            with urllib.request.urlopen(f"{site.url}/healthz", timeout=2):
                return
        except OSError:
            time.sleep(0.5)
    raise RuntimeError((site.var / "service.log").read_text()[-2000:])


def machine() -> str:
    """What the figures were taken on, and how busy it was."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    return f"{os.cpu_count()} cores, {model}; load before: {os.getloadavg()[0]:.1f}; Python {platform.python_version()}"
