"""`manage.py run`: the whole service on this machine, in the foreground.

`manage.py run prepare` does only what must be done before a start; `manage.py run web` (annotate,
control, beat) becomes one of the programs, for a supervisor of another kind.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import sys
import threading
import urllib.request
from argparse import ArgumentParser
from typing import Any
from urllib.error import URLError

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connections

from gas import startup
from gas.supervise import Program, Supervisor

READY_SECONDS = 120
NAME_WIDTH = 8
PARTS = ("web", "annotate", "control", "beat")

_output = threading.Lock()


class Command(BaseCommand):
    """Prepare what is missing, then run web, workers and beat until Ctrl-C."""

    help = "Run the whole service: web, annotate worker, control worker and beat; or one part of it."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The part."""
        parser.add_argument("part", nargs="?", choices=["prepare", *PARTS], help="only this; without it, everything")

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit status 1 with one sentence when it cannot start."""
        os.umask(0o077)  # other users of this machine have no business with genomes
        try:
            match options["part"]:
                case None:
                    self._run_all()
                case "prepare":
                    prepare()
                case part:
                    become(part)
        except startup.StartupError as error:
            self.stderr.write(str(error))
            sys.exit(1)
        except KeyboardInterrupt:  # Ctrl-C before the supervisor is there to take it
            sys.exit(128 + signal.SIGINT)

    def _run_all(self) -> None:
        with startup.lock_state_folder():
            startup.require_free_port()
            prepare()
            account = startup.demo_account()
            connections.close_all()
            stopped = threading.Event()
            threading.Thread(target=announce, args=(account, stopped), daemon=True).start()
            Supervisor(programs(), say, environment()).run()
            stopped.set()


def prepare() -> None:
    """All that must be there before the first request."""
    startup.require_settings()
    startup.prepare_database()
    startup.collect_static_files()
    startup.prepare_annotator(lambda text: say("run", text))
    startup.prepare_reference(lambda text: say("run", text))


def become(part: str) -> None:
    """Replace this process by one of the programs."""
    startup.require_settings()
    command = next(program.command for program in programs() if program.name == part)
    os.execve(command[0], list(command), environment())  # noqa: S606 - our own command, no shell


def programs() -> list[Program]:
    """The four programs of the service."""
    python = sys.executable
    celery = [python, "-m", "celery", "--quiet", "-A", "gas.celery:app"]
    grace = settings.GRACE_SECONDS
    return [
        Program("web", [python, "-m", "gunicorn", *web_options(), "gas.wsgi:application"], 15),
        # Beyond the job's grace, the time to write down that it was given back.
        Program("annotate", [*celery, *worker_options("annotate", settings.ANNOTATE_SLOTS)], grace + 10),
        Program("control", [*celery, *worker_options("control", settings.CONTROL_SLOTS)], 30),
        # The schedule is kept in memory: sweeps are periodic, nothing is lost with it.
        Program("beat", [*celery, "beat", "--scheduler", "celery.beat:Scheduler", "--pidfile="], 10),
    ]


def environment() -> dict[str, str]:
    """The programs find the project from whatever folder, and their lines come at once."""
    folders = [str(settings.BASE_DIR), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(folders), "PYTHONUNBUFFERED": "1"}


def web_options() -> list[str]:
    """gunicorn's options: threads, for uploads and downloads are slow; no files outside the state folder."""
    return [
        f"--bind={startup.bound_to()}",
        f"--workers={settings.WEB_WORKERS}",
        f"--threads={settings.WEB_THREADS}",
        "--worker-class=gthread",
        "--preload",  # read once: the processes share what was loaded
        "--limit-request-line=8190",  # the most there is: a pasted list of genes is part of the address
        "--keep-alive=30",
        "--graceful-timeout=10",
        "--log-level=warning",
        "--no-control-socket",
    ]


def worker_options(queue: str, slots: int) -> list[str]:
    """A worker of one queue."""
    return ["worker", "-Q", queue, "-n", f"{queue}@%h", "-c", str(slots), "--without-mingle", "--without-gossip"]


def announce(account: tuple[str, str] | None, stopped: threading.Event) -> None:
    """Say where the service is, once it answers."""
    url = f"http://{startup.bound_to()}/healthz"
    for _ in range(READY_SECONDS * 5):
        try:
            with urllib.request.urlopen(url, timeout=2):
                break
        except (URLError, OSError):
            if stopped.wait(0.2):
                return
    else:
        say("run", f"The web server does not answer after {READY_SECONDS} s; its lines above may say why.")
        return
    rule = "-" * min(72, shutil.get_terminal_size().columns - NAME_WIDTH - 3)
    lines = [rule, f"GAS {settings.SITE_VERSION} is ready: {startup.local_address()}"]
    if account:
        lines.append(f"Sign in as {account[0]} with the password {account[1]} (kept in {settings.VAR_DIR}).")
    # The whole command, as it works from the folder where this one was started.
    program = shlex.join([os.path.relpath(sys.executable), sys.argv[0], "createadmin"])
    lines += [f"Make the first admin with: {program} ADDRESS", "Stop with Ctrl-C.", rule]
    for line in lines:
        say("run", line)


def say(name: str, text: str) -> None:
    """One line of one program."""
    with _output:
        sys.stdout.write(f"{name:<{NAME_WIDTH}} | {text}\n")
        sys.stdout.flush()
