"""What locust's users do: the course's exercise, and a mix of list, job, submit and download.

Runs in locust's own environment, which has nothing of the service: it sees the pages as a browser does.
Accounts and their sessions are made by benchmarks.load. The model is chosen by GAS_LOAD: `closed` users wait
for each answer and think for a moment; `open` ones come 1x, 10x, 1x.
"""

from __future__ import annotations

import os
import random
import re
import uuid
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any

from locust import HttpUser, LoadTestShape, between, constant_throughput, task

SESSIONS = Path(os.environ["GAS_LOAD_SESSIONS"]).read_text().split()
USERS = int(os.environ["GAS_LOAD_USERS"])
SECONDS = int(os.environ["GAS_LOAD_SECONDS"])
IS_OPEN = os.environ.get("GAS_LOAD") == "open"
# Submitted in all, evenly over the time: more, or all at once, would be a test of the annotator.
MAX_JOBS = int(os.environ["GAS_LOAD_JOBS"])
VCF = Path(os.environ["GAS_LOAD_FILE"]).read_bytes()
_numbers = count()
_submitted = 0
_began = monotonic()


class Researcher(HttpUser):
    """Looks at the list, at a job, downloads, and now and then submits."""

    wait_time = constant_throughput(1) if IS_OPEN else between(0.1, 0.5)

    def on_start(self) -> None:
        """As a browser that has signed in before."""
        self.jobs: list[str] = []
        self.downloads: list[str] = []
        self.client.cookies.set("sessionid", SESSIONS[next(_numbers) % len(SESSIONS)])
        self.list_jobs()

    def send(self, path: str, form: dict[str, Any], name: str) -> Any:
        """Send a form with its token."""
        token = self.client.cookies.get("csrftoken", "")
        headers = {"X-CSRFToken": token, "Referer": f"{self.host}{path}"}
        return self.client.post(path, {**form, "csrfmiddlewaretoken": token}, headers=headers, name=name)

    @task(10)
    def list_jobs(self) -> None:
        """The list of jobs."""
        page = self.client.get("/jobs/", name="list").text
        self.jobs = re.findall(r'href="(/jobs/[0-9a-f-]{36}/)"', page) or self.jobs

    @task(10)
    def look_at_job(self) -> None:
        """One job's page."""
        if self.jobs:
            page = self.client.get(random.choice(self.jobs), name="job").text
            self.downloads = re.findall(r'href="(/jobs/[0-9a-f-]{36}/download/tsv)"', page) or self.downloads

    @task(4)
    def download(self) -> None:
        """The table of a result."""
        if self.downloads:
            self.client.get(random.choice(self.downloads), name="download")

    @task(1)
    def submit(self) -> None:
        """A small file, uploaded and submitted."""
        global _submitted  # of all users together: they are greenlets of one thread
        if _submitted >= MAX_JOBS * min((monotonic() - _began) / SECONDS, 1):
            return
        _submitted += 1
        told = self.send("/uploads/", {"file_name": "load.vcf.gz", "size_bytes": len(VCF)}, "announce")
        if told.status_code != 201:
            return
        ticket = told.json()
        headers = {
            **ticket["headers"],
            "X-CSRFToken": self.client.cookies["csrftoken"],
            "Referer": f"{self.host}/jobs/new",
        }
        self.client.put(ticket["url"], data=VCF, headers=headers, name="upload")
        form = {
            "upload_id": ticket["upload_id"],
            "reference": "demo",
            "submission_key": uuid.uuid4().hex,
            "name": "load",
        }
        self.send("/jobs/new", form, "submit")


if IS_OPEN:

    class OneTenOne(LoadTestShape):
        """A tenth of the users for a third of the time, all of them, a tenth again: arrivals wait for nobody."""

        def tick(self) -> tuple[int, float] | None:
            """(users, users started a second)."""
            third = SECONDS / 3
            passed = self.get_run_time()
            if passed > SECONDS:
                return None
            return (USERS if third < passed < 2 * third else max(1, USERS // 10)), USERS / 2
