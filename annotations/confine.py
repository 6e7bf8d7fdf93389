"""`python -m annotations.confine LIMITS -- ARGUMENTS`: the annotator with limits it cannot lift.

Runs in the child process, before anything is read: nothing here may import Django. The limits hold
for this process and whatever it starts; the parent-death signal makes it die with its worker.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import resource
import runpy
import signal
import sys

_PR_SET_PDEATHSIG = 1
_CPU_GRACE_SECONDS = 5  # between SIGXCPU and SIGKILL


def confine(*, parent: int, data_bytes: int, cpu_seconds: int, file_bytes: int, open_files: int) -> None:
    """Set the limits; exit at once when the parent is gone already.

    RLIMIT_DATA and not RLIMIT_AS: the reference is a large read-only memory map, which costs nothing.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the signal was set
        raise SystemExit(1)
    limits = {
        resource.RLIMIT_DATA: (data_bytes, data_bytes),
        resource.RLIMIT_CPU: (cpu_seconds, cpu_seconds + _CPU_GRACE_SECONDS),
        resource.RLIMIT_FSIZE: (file_bytes, file_bytes),
        resource.RLIMIT_NOFILE: (open_files, open_files),
        resource.RLIMIT_CORE: (0, 0),
    }
    for kind, (soft, hard) in limits.items():
        allowed = resource.getrlimit(kind)[1]
        if allowed != resource.RLIM_INFINITY:  # a stricter limit of the system stays
            soft, hard = min(soft, allowed), min(hard, allowed)  # noqa: PLW2901
        resource.setrlimit(kind, (soft, hard))


def give_way(steps: int) -> None:
    """Let others go first where processors are scarce: `steps` of nice, which nobody takes back.

    A kernel that shares by sessions ("autogroup") weighs the session and not its processes, so both are told.
    """
    os.nice(steps)
    with contextlib.suppress(OSError), open("/proc/self/autogroup", "w") as group:
        group.write(str(steps))


def main() -> None:
    """Read the limits, set them, become the annotator."""
    parser = argparse.ArgumentParser(prog="annotations.confine")
    for name in ("parent", "data-bytes", "cpu-seconds", "file-bytes", "open-files", "nice"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("arguments", nargs="*")
    found = parser.parse_args()
    give_way(found.nice)
    confine(
        parent=found.parent,
        data_bytes=found.data_bytes,
        cpu_seconds=found.cpu_seconds,
        file_bytes=found.file_bytes,
        open_files=found.open_files,
    )
    sys.argv = ["annotations.genomics", *found.arguments]
    runpy.run_module("annotations.genomics", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
