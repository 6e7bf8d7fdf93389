"""Load on a service of its own, as `make run` starts it: how many requests a second, how quick, and is all well.

python -m benchmarks.load --locust PATH [--model closed|open] [--users N] [--seconds N] [--jobs N]

Prints requests a second, p50 and p95 by kind, failures, and submit to claim; then the invariants.
"""

from __future__ import annotations

import argparse
import csv
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.sites import RunningSite, machine, running_site

ROOT = Path(__file__).resolve().parents[1]
SIGN_IN = """
from importlib import import_module
from pathlib import Path
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from accounts.models import User
store = import_module(settings.SESSION_ENGINE).SessionStore
keys = []
for user in User.objects.filter(email__startswith="user"):
    session = store()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    keys.append(session.session_key)
Path({file!r}).write_text("\\n".join(keys))
"""
# Everybody has a result to look at, as on a service that is in use.
EARLIER_JOBS = """
from uuid import uuid4
from accounts.models import User
from annotations import submission
for user in User.objects.filter(email__startswith="user"):
    submission.submit_sample(user, "COLO829", uuid4().hex)
"""
MAX_ACCOUNTS = 20  # more users than that share accounts
SAMPLE = ROOT / "reference" / "sample.COLO829.chr19.vcf.gz"


def main() -> int:
    """Exit code 1 when a request failed, a job was lost or an invariant is broken."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--locust", required=True, help="locust's program")
    parser.add_argument("--model", choices=["closed", "open"], default="closed")
    parser.add_argument("--users", type=int, help="40; in the open model 80: one request a second each")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=40, help="jobs submitted in all")
    given = parser.parse_args()
    given.users = given.users or (80 if given.model == "open" else 40)
    quotas = {"GAS_FREE_MAX_OPEN_JOBS": "1000", "GAS_FREE_MAX_JOBS_PER_DAY": "10000"}
    with tempfile.TemporaryDirectory(prefix="gas-load-") as folder, running_site(Path(folder) / "var", quotas) as site:
        site.make_users(min(given.users, MAX_ACCOUNTS))
        # Signed in beforehand: checking passwords is slow on purpose, and not what is measured.
        site.run_code(SIGN_IN.format(file=str(Path(folder) / "sessions")))
        site.run_code(EARLIER_JOBS)
        earlier = len(site.wait_for_all_jobs())
        print(machine())
        failures = attack(site, given, Path(folder))
        jobs = sorted(site.wait_for_all_jobs(), key=lambda job: job.submitted_at)[earlier:]
        waits = [job.claimed_after for job in jobs]
        print(f"{len(jobs)} jobs, {sum(job.status != 'completed' for job in jobs)} of them not completed")
        if len(waits) > 1:
            print(f"submit to claim: p50 {statistics.median(waits):.1f} s, p95 {percentile(waits, 95):.1f} s")
        is_well = site.invariants_hold()
    return int(bool(failures) or not is_well)


def attack(site: RunningSite, given: argparse.Namespace, folder: Path) -> int:
    """Run locust; print its table; how many requests failed."""
    environment = {
        **os.environ,
        "GAS_LOAD": given.model,
        "GAS_LOAD_SESSIONS": str(folder / "sessions"),
        "GAS_LOAD_USERS": str(given.users),
        "GAS_LOAD_SECONDS": str(given.seconds),
        "GAS_LOAD_JOBS": str(given.jobs),
        "GAS_LOAD_FILE": str(SAMPLE),
    }
    command = [given.locust, "--headless", "--only-summary", f"--csv={folder / 'load'}"]
    command += [
        f"--locustfile={ROOT / 'benchmarks' / 'locust' / 'users.py'}",
        f"--host={site.url}",
        "--loglevel=WARNING",
    ]
    if given.model == "closed":
        command += [f"--users={given.users}", f"--spawn-rate={given.users}", f"--run-time={given.seconds}s"]
    before = site.web_cpu_seconds()
    subprocess.run(command, env=environment, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    worked = site.web_cpu_seconds() - before
    failures = requests = 0
    with (folder / "load_stats.csv").open() as file:
        for row in csv.DictReader(file):
            name = row["Name"] if row["Name"] != "Aggregated" else "all"
            rate = float(row["Requests/s"])
            times = f"p50 {row['50%']:>5} ms  p95 {row['95%']:>5} ms"
            print(f"{name:<10} {rate:7.1f}/s  {times}  {row['Failure Count']} failed")
            failures, requests = int(row["Failure Count"]), int(row["Request Count"])  # the last row is of all
    print(f"web server: {1000 * worked / max(requests, 1):.1f} ms of CPU a request")
    return failures


def percentile(values: list[float], percent: int) -> float:
    """A percentile of at least two values."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


if __name__ == "__main__":
    sys.exit(main())
