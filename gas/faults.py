"""Named points at which a test may kill the process, as a power cut would."""

from __future__ import annotations

import fcntl
import os
import signal

from django.conf import settings


def fault(name: str) -> None:
    """Die by SIGKILL here if GAS_FAULT is `name`, or at the N-th passing if it is `name:N`.

    Passings are counted in the state folder, so that `name:1` fires once and not again in the
    process that is started afterwards.
    """
    if not settings.FAULT:
        return
    wanted, _, nth = settings.FAULT.partition(":")
    if wanted != name:
        return
    if not nth or _passings(name) == int(nth):
        os.kill(os.getpid(), signal.SIGKILL)


def _passings(name: str) -> int:
    folder = settings.VAR_DIR / "faults"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(b".")
        file.flush()
        return os.fstat(file.fileno()).st_size
