"""The annotator as a child process: started in a group of its own, watched, and always ended.

The child knows no secret: its environment is a short list, its arguments are paths that we made.
"""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from annotations.claims import Progress

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.2
OPEN_FILES = 256
NICE = 4  # a job may wait, who looks at a page may not: two fifths of a share where processors are scarce
ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "TZ", "NUMBA_CACHE_DIR", "NUMBA_CPU_NAME")
REFUSED = 2  # the annotator's exit code for a file it cannot annotate
_TAIL_BYTES = 4096
_PLACES = 8  # lines of the annotator's traceback that go into our log

Tick = Callable[[Progress], None]  # called several times a second; raises to end the child


class ChildCrashedError(Exception):
    """The annotator ended and neither finished nor refused the file; `code` is one of annotations.failures.

    `how` is for the staff: the exit, what it used, and where in our code it broke.
    """

    def __init__(self, code: str, how: str) -> None:
        super().__init__(f"{code}: the annotator ended with {how}")
        self.code = code
        self.how = how


class FileRefusedError(Exception):
    """The annotator says that the file cannot be annotated; `report` is its own account of that."""

    def __init__(self, report: dict[str, Any]) -> None:
        super().__init__(report.get("code"))
        self.report = report


@dataclass(frozen=True)
class Workspace:
    """The files of one attempt on the worker's disk."""

    folder: Path

    def path(self, name: str) -> Path:
        """A file of the attempt; names are ours, never the user's."""
        return self.folder / name

    def own_source(self, key: str) -> Path:
        """The file of a user's own source; keys are capitals and digits."""
        return self.folder / f"own-{key}"


def annotate(
    space: Workspace, reference_name: str, options: dict[str, Any], tick: Tick, own: Sequence[str] = ()
) -> None:
    """Annotate `input` of the workspace into its other files; own: keys of sources at `own-KEY`.

    Raises FileRefusedError, ChildCrashedError, or what `tick` raised; no process is left then.
    """
    _run(space, _arguments(space, reference_name, options, own), tick)


def check_source(space: Workspace, key: str, reference_name: str, tick: Tick) -> dict[str, Any]:
    """Whether `input` of the workspace can be a source: its kind, keys and counts. Raises as annotate does."""
    arguments = [
        "check-source",
        str(space.path("input")),
        f"--key={key}",
        f"--reference={reference_name}",
        f"--report={space.path('report.json')}",
        f"--failure={space.path('failure.json')}",
    ]
    _run(space, arguments, tick)
    found: dict[str, Any] = json.loads(space.path("report.json").read_text(encoding="utf-8"))
    return found


def _run(space: Workspace, arguments: list[str], tick: Tick) -> None:
    log = space.path("log")
    with log.open("ab") as stream:
        child = subprocess.Popen(
            [*_launcher(), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            cwd=space.folder,
            env=environment(),
            start_new_session=True,
        )
    try:
        _wait(child, space.path("progress"), tick)
    finally:
        returncode, used = _end_group(child)
        logger.info("The annotator, process %d, ended with %d after %s.", child.pid, returncode, used)
    if returncode == REFUSED:
        raise FileRefusedError(_report(space))
    if returncode != 0:
        code, how = _diagnose(returncode, log)
        raise ChildCrashedError(code, f"{how}, after {used}")


def launcher(*, memory_mb: int, cpu_seconds: int, output_mb: int, nice: int = 0) -> list[str]:
    """The beginning of a command that runs the annotator within limits; its arguments follow.

    nice: how far it gives way to others where processors are scarce, 0 to 19.
    """
    megabyte = 1_000_000
    limits = {
        "parent": os.getpid(),
        "data-bytes": memory_mb * megabyte,
        "cpu-seconds": cpu_seconds,
        "file-bytes": output_mb * megabyte,
        "open-files": OPEN_FILES,
        "nice": nice,
    }
    return [sys.executable, "-m", "annotations.confine", *(f"--{name}={value}" for name, value in limits.items()), "--"]


def _launcher() -> list[str]:
    return launcher(
        memory_mb=settings.CHILD_MEMORY_MB,
        cpu_seconds=settings.CHILD_CPU_SECONDS,
        output_mb=settings.CHILD_OUTPUT_MB,
        nice=NICE,
    )


def _arguments(space: Workspace, reference_name: str, options: dict[str, Any], own: Sequence[str] = ()) -> list[str]:
    flags = [f"--{name.replace('_', '-')}" for name, value in sorted(options.items()) if value is True]
    if "sources" in options:
        flags += [f"--use-source={key}" for key in options["sources"]] or ["--no-sources"]
    flags += [f"--own-source={key}={space.own_source(key)}" for key in own]
    files = {
        "output": "annotated.vcf.gz",
        "tsv": "annotated.tsv.gz",
        "parquet": "annotated.parquet",
        "summary": "summary.json",
        "skipped": "skipped.tsv",
        "progress": "progress",
        "failure": "failure.json",
    }
    named = [f"--{option}={space.path(name)}" for option, name in files.items()]
    source = str(space.path("input"))
    return [
        "annotate",
        source,
        f"--reference={reference_name}",
        f"--threads={settings.ANNOTATE_THREADS}",
        *named,
        *flags,
    ]


def environment() -> dict[str, str]:
    """All that the annotator's process knows of ours."""
    kept = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    ours = {
        "PYTHONPATH": str(settings.BASE_DIR),
        "PYTHONUNBUFFERED": "1",
        "GAS_VAR_DIR": str(settings.VAR_DIR),
        "GAS_REFERENCES_DIR": str(settings.REFERENCES_DIR),
    }
    return kept | ours


def _wait(child: subprocess.Popen[bytes], progress_file: Path, tick: Tick) -> None:
    """Return when the child has ended, without reaping it: its number stays taken until the group is gone."""
    process = os.pidfd_open(child.pid)
    try:
        poller = select.poll()
        poller.register(process, select.POLLIN)
        while not poller.poll(TICK_SECONDS * 1000):
            tick(_progress(progress_file))
    finally:
        os.close(process)


def _end_group(child: subprocess.Popen[bytes]) -> tuple[int, str]:
    """Kill what is left of the child's group, and reap the child: its return code, and what it used in words."""
    # A child that failed before setsid has no group yet; it ends by itself.
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        child.kill()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    peak_mb = usage.ru_maxrss * 1024 / 1_000_000  # Linux counts in KiB
    return child.returncode, f"{usage.ru_utime + usage.ru_stime:.1f} s of CPU and {peak_mb:,.0f} MB at most"


def _progress(file: Path) -> Progress:
    """The last whole line of the progress file."""
    lines = _tail(file).split(b"\n")[:-1]
    for line in reversed(lines):
        try:
            found = json.loads(line)
            return Progress(int(found["records"]), int(found["bytes_read"]), int(found["bytes_total"]))
        except (ValueError, KeyError, TypeError):  # the first line of the tail may be cut
            continue
    return Progress()


def _tail(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - _TAIL_BYTES))
            return stream.read()
    except FileNotFoundError:
        return b""


def _report(space: Workspace) -> dict[str, Any]:
    """The annotator's failure report: {code, sentence, line, field, value}."""
    try:
        report = json.loads(space.path("failure.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ChildCrashedError("annotator_crashed", "a refusal without a report") from error
    if not isinstance(report, dict) or not {"code", "sentence"} <= report.keys():
        raise ChildCrashedError("annotator_crashed", "a refusal with an incomplete report")
    return report


# What compiled libraries write before they abort because no memory was given.
_ABORTED_FOR_MEMORY = ("bad_alloc", "out of memory", "Cannot allocate memory")


def _diagnose(returncode: int, log: Path) -> tuple[str, str]:
    """(code of annotations.failures, words for our log) of a child that broke."""
    lines = _tail(log).decode(errors="replace").strip().split("\n")
    if returncode < 0:
        name = signal.Signals(-returncode).name
        if name == "SIGABRT" and any(mark in line for line in lines for mark in _ABORTED_FOR_MEMORY):
            return "out_of_memory", name
        codes = {"SIGXCPU": "cpu_limit", "SIGXFSZ": "output_too_large", "SIGKILL": "killed"}
        return codes.get(name, "annotator_crashed"), name
    marks = {"MemoryError": "out_of_memory", "[Errno 27]": "output_too_large", "[Errno 28]": "disk_full"}
    code = next((code for mark, code in marks.items() if mark in lines[-1]), "annotator_crashed")
    # Places and the error's name only: its message may quote the user's file.
    places = [line.strip() for line in lines if line.startswith("  File ")][-_PLACES:]
    error = lines[-1].partition(":")[0][:100]
    return code, f"exit code {returncode}, {error}: {' > '.join(places)}"
