"""`make upgrade` in full, on a copy: a service of an older version with jobs in it becomes one of this version.

python -m benchmarks.upgrade [--since COMMIT] [--jobs 6]

The older version is a clone of this repository at COMMIT; without it, the commit before the latest migration, so that
the database changes on the way. What is not committed takes no part. Prints what the upgrade said and when, how long
the pages were away, and what became of the jobs; then the invariants.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from benchmarks.sites import ROOT, EndedJob, RunningSite, machine, running_site

UPGRADE_SECONDS = 1200
LOOK_SECONDS = 0.2
SUBMIT = """
from uuid import uuid4
from accounts.models import User
from annotations import submission
owner = User.objects.get(email="user0@example.org")
for _ in range({jobs}):
    submission.submit_sample(owner, "COLO829", uuid4().hex)
"""


def main() -> int:
    """Exit code 1 when the upgrade stopped, a job was lost or ran twice, or an invariant is broken."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--since", help="the older version")
    parser.add_argument("--jobs", type=int, default=6)
    given = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory(prefix="gas-upgrade-") as folder:
        code = clone(Path(folder) / "code", given.since or before_the_latest_migration())
        with running_site(Path(folder) / "var", {}, code) as site:
            site.make_users(1)
            site.run_code(SUBMIT.format(jobs=given.jobs))
            return int(not upgrade(site, given.jobs))


def git(*words: str, folder: Path = ROOT) -> str:
    """What git answers."""
    return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def before_the_latest_migration() -> str:
    """The newest version of which the database has to be migrated."""
    return git("log", "-1", "--format=%H", "--diff-filter=A", "--", "*/migrations/0*.py") + "^"


def clone(folder: Path, version: str) -> Path:
    """The project as it was, with this environment: what it needs is installed."""
    git("clone", "--quiet", "--no-checkout", str(ROOT), str(folder), folder=ROOT)
    git("checkout", "--quiet", git("rev-parse", version), folder=folder)
    (folder / ".venv").symlink_to((ROOT / ".venv").resolve())
    os.utime(folder / "requirements" / "base.txt", (0, 0))  # older than the environment: nothing is to be installed
    print(f"from {git('log', '-1', '--format=%h %s', folder=folder)}")
    return folder


def upgrade(site: RunningSite, count: int) -> bool:
    """Run it to its end, with the pages looked at meanwhile; True when all is well."""
    # The script of this version, which is what is measured, before all else is.
    shutil.copy(ROOT / "deploy" / "upgrade", site.code / "deploy" / "upgrade")
    pull = f"git checkout --quiet --force {git('rev-parse', 'HEAD')}"
    began = time.monotonic()
    process = subprocess.Popen(
        ["make", "--silent", "upgrade"],
        cwd=site.code,
        env={**site.environment, "UPGRADE_PULL": pull},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    is_over = threading.Event()
    away: list[float] = []
    looking = threading.Thread(target=look_at_pages, args=(site.url, away, is_over))
    looking.start()
    watchdog = threading.Timer(UPGRADE_SECONDS, os.killpg, [process.pid, signal.SIGKILL])
    watchdog.start()
    try:
        is_done = tell(process, began)
        is_over.set()
        looking.join()
        if not is_done:
            return False
        print(f"pages were away for {sum(away):.0f} s")
        return all_ended(site.wait_for_all_jobs(), count) and site.invariants_hold()
    finally:
        is_over.set()
        watchdog.cancel()
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


def tell(process: subprocess.Popen[str], began: float) -> bool:
    """Print what the upgrade says, with its second, until it is done or stopped."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("upgrade"):
            print(f"{time.monotonic() - began:6.1f} s  {line.rstrip()}")
        if "upgrade  | Done" in line:
            threading.Thread(target=process.stdout.read, daemon=True).start()  # the service goes on talking
            return True
    return False


def look_at_pages(url: str, away: list[float], is_over: threading.Event) -> None:
    """Add how long the pages did not answer, each time."""
    since = None
    while not is_over.wait(LOOK_SECONDS):
        try:
            with urllib.request.urlopen(f"{url}/accounts/sign-in/", timeout=5):
                answers = True
        except (urllib.error.URLError, OSError):
            answers = False
        if answers and since is not None:
            away.append(time.monotonic() - since)
        since = None if answers else since or time.monotonic()
    if since is not None:  # the upgrade has seen them answer since the last look
        away.append(time.monotonic() - since)


def all_ended(jobs: list[EndedJob], count: int) -> bool:
    """Say what became of the jobs; True when each was done once."""
    done = sum(job.status == "completed" and job.attempt == 1 for job in jobs)
    print(f"{len(jobs)} jobs, {done} of them done at the first try")
    return len(jobs) == done == count


if __name__ == "__main__":
    sys.exit(main())
