"""The worker farm: many jobs submitted at once, and 1, 2 and 4 annotate workers to do them.

python -m benchmarks.farm [--jobs 200] [--workers 1 2 4]

For each number of workers: jobs a minute, how long jobs waited, and that none ran twice or was lost.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.load import percentile
from benchmarks.sites import EndedJob, machine, running_site

# All at once, in rows as the pages would make them: what is measured is the queue, not the upload.
SUBMIT = """
from uuid import uuid4
from accounts.models import User
from annotations import submission
owner = User.objects.get(email="user0@example.org")
first = submission.submit_sample(owner, "COLO829", uuid4().hex)
for _ in range({jobs} - 1):
    submission.run_again(owner, first, uuid4().hex)
"""


def main() -> int:
    """Exit code 1 when a job was lost, ran twice or failed, or an invariant is broken."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    given = parser.parse_args()
    print(machine())
    is_well = True
    for workers in given.workers:  # the next number is measured whatever came of the last
        is_well &= measure(workers, given.jobs)
    return int(not is_well)


def measure(workers: int, count: int) -> bool:
    """Run one farm; True when all is well."""
    limits = {
        "GAS_FREE_MAX_OPEN_JOBS": "100000",
        "GAS_FREE_MAX_JOBS_PER_DAY": "100000",
        "GAS_FREE_MAX_STORAGE_MB": "100000",
    }
    settings = {**limits, "GAS_ANNOTATE_SLOTS": str(workers)}
    with (
        tempfile.TemporaryDirectory(prefix="gas-farm-") as folder,
        running_site(Path(folder) / "var", settings) as site,
    ):
        site.make_users(1)
        site.run_code(SUBMIT.format(jobs=count))
        jobs = site.wait_for_all_jobs()
        print(report(workers, jobs))
        well = len(jobs) == count and all(job.status == "completed" and job.attempt == 1 for job in jobs)
        return site.invariants_hold() and well


def report(workers: int, jobs: list[EndedJob]) -> str:
    """One line of figures."""
    waited = [job.claimed_after for job in jobs]
    took = (max(job.finished_at for job in jobs) - min(job.submitted_at for job in jobs)).total_seconds()
    twice = sum(job.attempt > 1 for job in jobs)
    lost = sum(job.status != "completed" for job in jobs)
    return (
        f"{workers} workers: {len(jobs)} jobs in {took:.0f} s, {60 * len(jobs) / took:.0f} a minute; waited "
        f"p50 {statistics.median(waited):.0f} s, p95 {percentile(waited, 95):.0f} s; "
        f"{twice} ran twice, {lost} did not complete"
    )


if __name__ == "__main__":
    sys.exit(main())
