"""Run a command that gets SIGTERM when the process that started it dies.

`python leash.py PARENT COMMAND…`, run as a file and with nothing imported but the standard
library: it becomes the command by exec, which keeps the parent-death signal (prctl(2)).
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Set the signal, make sure that the parent did not die before, become the command."""
    parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):
        sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 - the supervisor's own commands, no shell


if __name__ == "__main__":
    main()
