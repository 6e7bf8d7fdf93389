"""Real processes: started, watched through /proc, waited for, stopped and killed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

READY_SECONDS = 60.0
STOP_SECONDS = 30.0
POLL_SECONDS = 0.05


def wait_until(holds: Callable[[], Any], what: str, timeout: float = 30.0, every: float = POLL_SECONDS) -> Any:
    """Ask again and again until the answer is true; return it. Raises TimeoutError."""
    ends = time.monotonic() + timeout
    while not (answer := holds()):
        if time.monotonic() > ends:
            raise TimeoutError(f"{what}: not within {timeout:g} s")
        time.sleep(every)
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
        self.ask_to_stop()
        return self.wait_stopped()

    def ask_to_stop(self) -> None:
        """SIGTERM to the leader alone; what was stopped (SIGSTOP) goes on, or it would never hear."""
        if self.process.poll() is None:
            self.process.terminate()
            self.signal_group(signal.SIGCONT)

    def wait_stopped(self) -> int:
        """Wait for the end that was asked for; return the exit status. Raises RuntimeError where it does not come."""
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


def children_of(pid: int) -> list[int]:
    """The process ids of a process's children."""
    found = (Path("/proc") / str(pid) / "task" / str(pid) / "children").read_text().split()
    return [int(child) for child in found]


def processes_with(marker: str) -> list[int]:
    """Process ids whose command line has this text, zombies and ourselves left out."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if marker.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
    return found


def has_data_limit(pid: int) -> bool:
    """Whether a process may not take as much memory as it likes."""
    try:
        limits = (Path("/proc") / str(pid) / "limits").read_text()
    except OSError:
        return False
    line = next(line for line in limits.splitlines() if line.startswith("Max data size"))
    return "unlimited" not in line.split()[3]


def is_alive(pid: int) -> bool:
    """Whether a process exists and is not a zombie."""
    try:
        state = (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
