"""`python -S launch.py COMMAND…`: runs a program and prints what it used, as one line of JSON.

A child's largest resident size begins with its parent's at the fork, so whoever measures has to be
small: this script imports next to nothing, and each program is started from a fresh one.
"""

import json
import os
import sys
import time


def main() -> None:
    """Exit as the program did; its own standard output is thrown away."""
    begun = time.perf_counter()
    child = os.posix_spawnp(
        sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    )
    _, status, usage = os.wait4(child, 0)
    wall = time.perf_counter() - begun
    used = {"cpu": usage.ru_utime + usage.ru_stime, "wall": wall, "megabytes": usage.ru_maxrss / 1000}
    print(json.dumps(used))
    sys.exit(os.waitstatus_to_exitcode(status))


main()
