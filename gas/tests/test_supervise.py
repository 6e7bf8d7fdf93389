"""A real supervisor over small real programs, in a process of its own."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

SUPERVISE = """
import os, sys
from gas.supervise import Program, Supervisor

def say(name, text):
    print(f"{name}: {text}", flush=True)

programs = [Program(name, [sys.executable, "-u", "-c", code], 3) for name, code in PROGRAMS.items()]
Supervisor(programs, say, os.environ).run()
"""

STEADY = "import os, time; print('up', os.getpid()); time.sleep(600)"
DEAF = (
    "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', os.getpid()); time.sleep(600)"
)
FAMILY = """
import os, signal, subprocess, sys, time
code = 'import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)'
child = subprocess.Popen([sys.executable, '-c', code])
print('up', os.getpid()); print('child', child.pid); time.sleep(600)
"""
POLITE = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (print('bye'), sys.exit(0)))
print('up', os.getpid()); time.sleep(600)
"""
FAILING = "import time; print('up', time.monotonic()); raise SystemExit(3)"


class Supervised:
    """The supervisor's process and what it prints, readable line by line with patience."""

    def __init__(self, **programs):
        code = f"PROGRAMS = {programs!r}\n{SUPERVISE}"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        self.lines = []
        self._more = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._more:
                self.lines.append(line.rstrip())
                self._more.notify_all()

    def wait_for(self, pattern, times=1, patience_seconds=30):
        """The first group (or all) of the n-th line that matches."""

        def found():
            return [match for line in list(self.lines) if (match := re.search(pattern, line))]

        with self._more:
            assert self._more.wait_for(lambda: len(found()) >= times, patience_seconds), self.lines
        match = found()[times - 1]
        return match.group(1) if match.groups() else match.group()

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(timeout=30)


@pytest.fixture
def supervise():
    started = []

    def start(**programs):
        started.append(Supervised(**programs))
        return started[-1]

    yield start
    for supervised in started:
        if supervised.process.poll() is None:
            supervised.process.send_signal(signal.SIGTERM)
            supervised.process.wait(timeout=30)


def wait_until_gone(*pids, patience_seconds=20):
    """Wait for processes that are not our children; a zombie of another parent counts as gone."""
    deadline = time.monotonic() + patience_seconds

    def is_alive(pid):
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except FileNotFoundError:
            return False

    for pid in pids:
        while is_alive(int(pid)):
            assert time.monotonic() < deadline, f"{pid} is still there"
            os.sched_yield()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_all_stop_together_and_may_say_good_bye(supervise, number):
    supervised = supervise(first=POLITE, second=POLITE)
    pids = [supervised.wait_for(rf"^{name}: up (\d+)") for name in ("first", "second")]

    assert supervised.stop(number) == 0
    supervised.wait_for("run: All is stopped")
    assert {"first: bye", "second: bye"} <= set(supervised.lines)
    wait_until_gone(*pids)


def test_a_program_that_is_killed_is_started_again(supervise):
    supervised = supervise(steady=STEADY, other=STEADY)
    first = supervised.wait_for(r"^steady: up (\d+)")
    supervised.wait_for("^other: up")
    os.kill(int(first), signal.SIGKILL)

    second = supervised.wait_for(r"^steady: up (\d+)", times=2)

    assert second != first
    assert "run: steady was killed by SIGKILL; starting it again in 0.5 s." in supervised.lines
    assert sum(line.startswith("other: up") for line in supervised.lines) == 1


def test_a_program_that_fails_again_and_again_is_started_ever_later(supervise):
    supervised = supervise(failing=FAILING)

    starts = [float(supervised.wait_for(r"^failing: up ([\d.]+)", times=n)) for n in (1, 2, 3)]

    assert starts[1] - starts[0] >= 0.5
    assert starts[2] - starts[1] >= 1.0
    assert "run: failing ended with status 3; starting it again in 1 s." in supervised.lines


def test_what_a_dead_program_leaves_behind_is_ended_before_it_starts_again(supervise):
    supervised = supervise(family=FAMILY)
    leader = supervised.wait_for(r"^family: up (\d+)")
    child = supervised.wait_for(r"^family: child (\d+)")
    os.kill(int(leader), signal.SIGKILL)

    supervised.wait_for(r"^family: up (\d+)", times=2)
    wait_until_gone(child)


def test_a_program_that_does_not_stop_is_killed_with_its_group_after_its_grace(supervise):
    supervised = supervise(deaf=DEAF, family=FAMILY)
    pids = [supervised.wait_for(r"^deaf: up (\d+)"), supervised.wait_for(r"^family: child (\d+)")]

    started = time.monotonic()
    assert supervised.stop() == 0

    assert 3 <= time.monotonic() - started < 15
    assert "run: deaf did not stop in time and is killed." in supervised.lines
    wait_until_gone(*pids)


def test_a_second_request_stops_at_once(supervise):
    supervised = supervise(deaf=DEAF)
    supervised.wait_for("^deaf: up")
    started = time.monotonic()
    supervised.process.send_signal(signal.SIGINT)
    supervised.wait_for("run: Stopping")

    assert supervised.stop(signal.SIGINT) == 0
    assert time.monotonic() - started < 3


def test_when_the_supervisor_is_killed_its_programs_stop_too(supervise):
    supervised = supervise(polite=POLITE, steady=STEADY)
    pids = [supervised.wait_for(rf"^{name}: up (\d+)") for name in ("polite", "steady")]

    supervised.stop(signal.SIGKILL)

    wait_until_gone(*pids)
