"""Since when this worker has been asked to stop, seen from its pool processes too.

Celery hands SIGTERM to the worker's main process only and then waits for the running tasks.
A long task asks `seconds()` now and then, and gives its work back when the grace is over.
"""

from __future__ import annotations

import mmap
import struct
from time import monotonic

# Anonymous shared memory, made before the pool forks: what the main process writes, each pool
# process reads. CLOCK_MONOTONIC is the same for all processes of a machine.
_asked_at = mmap.mmap(-1, mmap.PAGESIZE)
_LAYOUT = struct.Struct("=d")


def ask() -> None:
    """Remember that this worker must stop; the first call counts."""
    if _LAYOUT.unpack_from(_asked_at)[0] == 0.0:
        _LAYOUT.pack_into(_asked_at, 0, monotonic())


def seconds() -> float | None:
    """How long ago this worker was asked to stop, in seconds; None while it may go on."""
    asked_at: float = _LAYOUT.unpack_from(_asked_at)[0]
    return None if asked_at == 0.0 else monotonic() - asked_at
