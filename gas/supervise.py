"""Several programs under one roof: started together, restarted when they die, stopped together.

Each program is the leader of its own session, so Ctrl-C reaches the supervisor alone, which asks
each leader to stop (SIGTERM), waits for its grace, and ends what is left of its process group
(SIGKILL). Should the supervisor itself be killed, the leash ends the leaders.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import IO

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
LAST_WORDS_SECONDS = 2.0  # for the output of a program that has ended
HEALTHY_SECONDS = 60.0  # a program that lived this long begins with the first pause again
LEASH = Path(__file__).with_name("leash.py")

Say = Callable[[str, str], None]


@dataclass(frozen=True)
class Program:
    """One program: its name in the log, its command, and how long it may take to stop."""

    name: str
    command: Sequence[str]
    grace_seconds: float


class _Running:
    """A program and its process of the moment."""

    def __init__(self, program: Program, say: Say, environment: Mapping[str, str]) -> None:
        self.program = program
        self._environment = environment
        self.process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None
        self.start_at = 0.0  # time.monotonic()
        self._started_at = 0.0
        self._failures = 0
        self._say = say

    def start(self) -> None:
        """Start the process; must be called from the main thread, whose death the leash watches."""
        leash = [sys.executable, "-I", "-S", str(LEASH), str(os.getpid())]
        self.process = subprocess.Popen(
            [*leash, *self.program.command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=self._environment,
        )
        self._started_at = monotonic()
        assert self.process.stdout is not None  # noqa: S101 - asked for above
        self._reader = threading.Thread(target=self._pass_on, args=(self.process.stdout,), daemon=True)
        self._reader.start()

    def tend(self) -> None:
        """Notice that the process died, and start it again when its pause is over."""
        if self.process is not None and (code := self.process.poll()) is not None:
            self.kill_group()  # what the leader left behind
            self.hear_out()
            lived = monotonic() - self._started_at
            self._failures = 1 if lived > HEALTHY_SECONDS else self._failures + 1
            pause = min(FIRST_PAUSE_SECONDS * 2 ** (self._failures - 1), LONGEST_PAUSE_SECONDS)
            self.process, self.start_at = None, monotonic() + pause
            self._say("run", f"{self.program.name} {_ending(code)}; starting it again in {pause:g} s.")
        if self.process is None and monotonic() >= self.start_at:
            self.start()

    def signal(self, number: signal.Signals) -> None:
        """Signal the leader, if it lives."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def kill_group(self) -> None:
        """End whatever of the group is left."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def hear_out(self) -> None:
        """Wait until the ended program's last lines are passed on; somebody outside its group may hold the pipe."""
        if self._reader is not None:
            self._reader.join(LAST_WORDS_SECONDS)

    def _pass_on(self, output: IO[bytes]) -> None:
        for line in output:
            self._say(self.program.name, line.decode(errors="replace").rstrip())


class Supervisor:
    """Runs programs until SIGINT or SIGTERM. To be used from the main thread, once."""

    def __init__(self, programs: Sequence[Program], say: Say, environment: Mapping[str, str]) -> None:
        self._say = say
        self._running = [_Running(program, say, environment) for program in programs]
        self._asked = 0  # how often somebody asked to stop

    def run(self) -> None:
        """Start all, tend them, and return when all are stopped."""
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_read, False)
        os.set_blocking(wake_write, False)
        signal.set_wakeup_fd(wake_write)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # only to wake the loop
        try:
            while not self._asked:
                for running in self._running:
                    running.tend()
                self._wait(wake_read)
            self._stop(wake_read)
        finally:
            for running in self._running:
                running.kill_group()

    def _ask(self, *_: object) -> None:
        self._asked += 1

    def _wait(self, wake_read: int) -> None:
        """Sleep until a signal comes or a pause is over, but at most a second."""
        pauses = [running.start_at - monotonic() for running in self._running if running.process is None]
        select.select([wake_read], [], [], max(0.0, min([1.0, *pauses])))
        with contextlib.suppress(BlockingIOError):
            os.read(wake_read, 4096)

    def _stop(self, wake_read: int) -> None:
        """Ask all to stop and wait; a second request, or a grace that is over, ends the rest at once."""
        self._say("run", "Stopping; once more to stop at once.")
        asked_at = monotonic()
        for running in self._running:
            running.signal(signal.SIGTERM)
        while alive := [running for running in self._running if running.process and running.process.poll() is None]:
            for running in alive:
                if self._asked > 1 or monotonic() - asked_at > running.program.grace_seconds:
                    self._say("run", f"{running.program.name} did not stop in time and is killed.")
                    running.kill_group()
            self._wait(wake_read)
        for running in self._running:
            running.kill_group()
            running.hear_out()
        self._say("run", "All is stopped.")


def _ending(code: int) -> str:
    """How a process ended, in words."""
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
