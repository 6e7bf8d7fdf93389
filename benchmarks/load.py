"""Load on a service of its own, as `make run` starts it: how many requests a second, how quick, and is all well.

python -m benchmarks.load --locust PATH [--model closed|open] [--users N] [--peak N] [--seconds N] [--jobs N]

Prints requests a second, p50 and p95 by kind, failures, and submit to claim; of the open model also before, at
and after the peak, and how long the pages were slow after it; then the invariants.
"""

from __future__ import annotations

import argparse
import csv
import os
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Request:
    """One request as its user saw it."""

    began: float  # in seconds since the start
    name: str
    ms: float
    error: str  # "": none


def main() -> int:
    """Exit code 1 when a request failed, a job was lost or an invariant is broken."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--locust", required=True, help="locust's program")
    parser.add_argument("--model", choices=["closed", "open"], default="closed")
    parser.add_argument("--users", type=int, default=40)
    parser.add_argument("--peak", type=float, default=80, help="arrivals a second of the open model, for a third of it")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=40, help="jobs submitted in all")
    given = parser.parse_args()
    quotas = {"GAS_FREE_MAX_OPEN_JOBS": "1000", "GAS_FREE_MAX_JOBS_PER_DAY": "10000"}
    with tempfile.TemporaryDirectory(prefix="gas-load-") as folder, running_site(Path(folder) / "var", quotas) as site:
        site.make_users(min(given.users, MAX_ACCOUNTS))
        # Signed in beforehand: checking passwords is slow on purpose, and not what is measured.
        site.run_code(SIGN_IN.format(file=str(Path(folder) / "sessions")))
        site.run_code(EARLIER_JOBS)
        earlier = len(site.wait_for_all_jobs())
        print(machine())
        requests = attack(site, given, Path(folder))
        print_table(requests, given)
        jobs = sorted(site.wait_for_all_jobs(), key=lambda job: job.submitted_at)[earlier:]
        waits = [job.claimed_after for job in jobs]
        print(f"{len(jobs)} jobs, {sum(job.status != 'completed' for job in jobs)} of them not completed")
        if len(waits) > 1:
            print(f"submit to claim: p50 {statistics.median(waits):.1f} s, p95 {percentile(waits, 95):.1f} s")
        is_well = site.invariants_hold()
    return int(any(request.error for request in requests) or not is_well)


def attack(site: RunningSite, given: argparse.Namespace, folder: Path) -> list[Request]:
    """Run locust; print what the web server worked."""
    environment = {
        **os.environ,
        "GAS_LOAD": given.model,
        "GAS_LOAD_SESSIONS": str(folder / "sessions"),
        "GAS_LOAD_REQUESTS": str(folder / "requests.csv"),
        "GAS_LOAD_USERS": str(given.users),
        "GAS_LOAD_PEAK": str(given.peak),
        "GAS_LOAD_SECONDS": str(given.seconds),
        "GAS_LOAD_JOBS": str(given.jobs),
        "GAS_LOAD_FILE": str(SAMPLE),
    }
    command = [given.locust, "--headless", "--only-summary", "--loglevel=WARNING", f"--host={site.url}"]
    command += [f"--locustfile={ROOT / 'benchmarks' / 'locust' / 'users.py'}"]
    command += [f"--users={given.users}", f"--spawn-rate={given.users}", f"--run-time={given.seconds}s"]
    before = site.web_cpu_seconds()
    subprocess.run(command, env=environment, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    worked = site.web_cpu_seconds() - before
    with (folder / "requests.csv").open(newline="") as file:
        requests = [Request(float(began), name, float(ms), error) for began, name, ms, error in csv.reader(file)]
    print(f"web server: {1000 * worked / max(len(requests), 1):.1f} ms of CPU a request")
    return requests


def print_table(requests: list[Request], given: argparse.Namespace) -> None:
    """Rates and latencies by kind, and in the open model before, at and after the peak."""
    for name in sorted({request.name for request in requests}):
        print_line(name, [request for request in requests if request.name == name], given.seconds)
    print_line("all", requests, given.seconds)
    if given.model == "open":
        third = given.seconds / 3
        for place, title in enumerate(("1x", "10x", "1x again")):
            found = [request for request in requests if place * third <= request.began < (place + 1) * third]
            print_line(title, found, third)
        slow = seconds_to_recover(requests, third)
        print(f"pages were slow for {slow} s after the peak" + (", to the end" if slow >= int(third) else ""))


def print_line(title: str, found: list[Request], seconds: float) -> None:
    """One line of the table."""
    times = [request.ms for request in found]
    p50, p95 = (percentile(times, percent) if len(times) > 1 else 0 for percent in (50, 95))
    failed = sum(bool(request.error) for request in found)
    print(f"{title:<10} {len(found) / seconds:7.1f}/s  p50 {p50:5.0f} ms  p95 {p95:5.0f} ms  {failed} failed")


def seconds_to_recover(requests: list[Request], third: float) -> int:
    """From the end of the peak until half of each second's pages come within twice what half took before it."""
    pages = [request for request in requests if request.name in ("list", "job")]
    normal = 2 * statistics.median(request.ms for request in pages if request.began < third)
    seconds = defaultdict(list)
    for request in pages:
        if request.began >= 2 * third:
            seconds[int(request.began - 2 * third)].append(request.ms)
    return max((second + 1 for second, times in seconds.items() if statistics.median(times) > normal), default=0)


def percentile(values: list[float], percent: int) -> float:
    """A percentile of at least two values."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


if __name__ == "__main__":
    sys.exit(main())
