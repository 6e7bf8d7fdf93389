"""A Python that has a deployment's settings and apps loaded, and forks for each piece of code.

Loading them takes a second of processor time; a test run asks for it hundreds of times. Each piece
of code still has a process of its own, which a fault point may kill; the one that forks never
opens the database.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from tests_e2e.emulators.loopback import PROJECT

# Reads one request a line, answers with the exit status of the process that did it.
SERVER = """
import json, os, sys, traceback
answers = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)  # what loading says is no answer
import django
django.setup()
from django.conf import settings
from django.core import management
from accounts import plans
from annotations import areas, submission
from archival import stores, sweep
for area in ("inputs", "results"):  # boto3 takes long to make a client; it connects when it is first used
    areas.area(area)
stores.cold_store()

def run(code, fault, output, errors):
    for number, name in ((1, output), (2, errors)):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT), number)
    settings.FAULT = fault or settings.FAULT
    try:
        exec(compile(code, "<code>", "exec"), {"__name__": "__main__"})
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0

for line in sys.stdin:
    child = os.fork()
    if not child:
        status = run(*json.loads(line))
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    answers.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\\n")
"""


class ReadyPython:
    """The process that forks; it ends with its standard input, so with the test run too."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = dict(environment)
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVER],
            cwd=PROJECT,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, code: str, fault: str = "", timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """Run the code; what it printed and its exit status, negative for the signal that ended it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with TemporaryDirectory() as name:
            printed = [Path(name) / "output", Path(name) / "errors"]
            self._process.stdin.write(json.dumps([code, fault, *map(str, printed)]) + "\n")
            self._process.stdin.flush()
            answered, _, _ = select.select([self._process.stdout], [], [], timeout)
            status = self._process.stdout.readline() if answered else ""
            output, errors = (file.read_text() if file.exists() else "" for file in printed)
        if not status:
            self.end()
            raise RuntimeError(f"no answer within {timeout:g} s: {output}{errors}")
        return subprocess.CompletedProcess([code], int(status), output, errors)

    def end(self) -> None:
        """Kill it, with what it forked."""
        self._process.kill()
        self._process.communicate()
