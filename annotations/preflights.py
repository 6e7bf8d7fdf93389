"""What a received upload is, found out before a job is queued.

The look itself is `annotations.genomics.vcf.preflight`, in a confined child: bytes that a stranger
sent are parsed there and never here. The child asks for the parts that it wants to see, so a file
of gigabytes is judged from a few megabytes, wherever it lies. The answer is kept with the upload
until another set of references is installed.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from threading import BoundedSemaphore, Timer
from typing import IO, Any

from annotations import child, estimate, references, storage
from annotations.areas import ObjectChangedError, StorageAwayError
from annotations.models import Upload

logger = logging.getLogger(__name__)

OK, ASK, REFUSE = "ok", "ask", "refuse"  # values of genomics.vcf.preflight.Verdict, without what that imports
ANNOTATED_BEFORE = "annotated_before"  # the question that overwriting answers
MAX_SECONDS = 20.0
MAX_CPU_SECONDS = 20
MEMORY_MB = 1000
OUTPUT_MB = 10  # the child writes nothing but compiled code, where there is none yet
MAX_ASKED = 96 << 20  # bytes that one look may read; the longest header and line allowed are half of it
SLOTS = 2  # looks at a time in one web process
PATIENCE_SECONDS = 5.0  # for a slot

_slots = BoundedSemaphore(SLOTS)


@dataclass(frozen=True)
class Look:
    """What was found: `verdict` is OK, ASK or REFUSE, `facts` is Preflight.as_json.

    `seconds`: how long this service may take for the file.
    """

    verdict: str
    code: str
    sentence: str
    facts: dict[str, Any]
    seconds: float

    def allows_job(self, *, is_confirmed: bool, is_overwriting: bool) -> bool:
        """Nothing is in the way, or what is doubtful was answered."""
        if self.verdict == ASK:
            return is_overwriting if self.code == ANNOTATED_BEFORE else is_confirmed
        return self.verdict == OK


def look_at(upload: Upload, reference_name: str | None = None) -> Look | None:
    """Judge a received file for a reference, or for the one it agrees with best.

    None: it could not be looked at now, and the job will have to find out.
    """
    stamp, wanted = _stamp(), reference_name or ""
    kept = upload.preflight if upload.preflight and upload.preflight.get("references") == stamp else {}
    found = kept.get("found", {}).get(wanted)
    if found is None:
        found = _ask(upload, reference_name)
        if found is None:
            return None
        upload.preflight = {"references": stamp, "found": kept.get("found", {}) | {wanted: found}}
        Upload.objects.filter(pk=upload.pk).update(preflight=upload.preflight)
    seconds = estimate.expected_seconds(found["estimated_records"])
    return Look(found["verdict"], found["code"], found["sentence"], found, seconds)


def _stamp() -> str:
    """Changes with every reference that comes, goes or is built anew."""
    return hashlib.sha256(" ".join(found.digest for found in references.installed()).encode()).hexdigest()


def _ask(upload: Upload, reference_name: str | None) -> dict[str, Any] | None:
    if not _slots.acquire(timeout=PATIENCE_SECONDS):
        logger.warning("Upload %s was not looked at: too many at once.", upload.pk)
        return None
    try:
        return _Asked(upload).look(reference_name)
    except (ObjectChangedError, StorageAwayError, OSError, ValueError) as error:
        logger.warning("Upload %s could not be looked at: %s", upload.pk, type(error).__name__)
        return None
    finally:
        _slots.release()


class _Asked:
    """One child and the file that it asks about; see annotations.genomics.vcf.asked for what they say."""

    def __init__(self, upload: Upload) -> None:
        self._upload = upload
        self._left = MAX_ASKED

    def look(self, reference_name: str | None) -> dict[str, Any]:
        chosen = [f"--reference={reference_name}"] if reference_name else []
        limits = child.launcher(memory_mb=MEMORY_MB, cpu_seconds=MAX_CPU_SECONDS, output_mb=OUTPUT_MB)
        process = subprocess.Popen(
            [*limits, "preflight", str(self._upload.size_bytes), "--ask", *chosen],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=child.environment(),
            start_new_session=True,
        )
        clock = Timer(MAX_SECONDS, _end, [process])
        clock.start()
        try:
            assert process.stdin is not None  # noqa: S101
            assert process.stdout is not None  # noqa: S101
            return self._serve(process.stdin, process.stdout)
        finally:
            clock.cancel()
            _end(process)

    def _serve(self, answers: IO[bytes], questions: IO[bytes]) -> dict[str, Any]:
        """Give the parts that are asked for until the last line comes. Raises ValueError without one."""
        with answers, questions:
            while (line := questions.readline(1 << 20)).startswith(b"read "):
                offset, length = (int(word) for word in line.split()[1:])
                self._left -= length
                if self._left < 0 or offset < 0 or length < 1:
                    raise ValueError("more is asked for than a look may need")
                answers.write(storage.read_input(self._upload, offset, length))
                answers.flush()
        # PostgreSQL keeps no NUL in a JSON column.
        found: dict[str, Any] = json.loads(line.replace(b"\\u0000", b""))
        return found


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the child with whatever it started; reading its output then ends too."""
    if process.returncode is not None:  # reaped: the number may be another process's by now
        return
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()
