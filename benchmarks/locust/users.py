"""What locust's users do: the course's exercise, and a mix of list, job, submit and download.

Runs in locust's own environment, which has nothing of the service: it sees the pages as a browser does.
Accounts and their sessions are made by benchmarks.load. The model is chosen by GAS_LOAD: `closed` users wait
for each answer and think for a moment; `open` ones come by chance 1x, 10x, 1x, however long others wait.
Each request becomes a line of GAS_LOAD_REQUESTS: when it began (seconds since the start), name, milliseconds, error.
"""

from __future__ import annotations

import csv
import os
import random
import re
import uuid
from collections.abc import Callable
from functools import wraps
from itertools import count
from pathlib import Path
from time import monotonic, time
from typing import Any

import gevent.pool
from locust import FastHttpUser, between, events, task
from requests.cookies import create_cookie

SESSIONS = Path(os.environ["GAS_LOAD_SESSIONS"]).read_text().split()
USERS = int(os.environ["GAS_LOAD_USERS"])
PEAK = float(os.environ["GAS_LOAD_PEAK"])  # arrivals a second of the open model
SECONDS = int(os.environ["GAS_LOAD_SECONDS"])
IS_OPEN = os.environ.get("GAS_LOAD") == "open"
# Submitted in all, evenly over the time: more, or all at once, would be a test of the annotator.
MAX_JOBS = int(os.environ["GAS_LOAD_JOBS"])
VCF = Path(os.environ["GAS_LOAD_FILE"]).read_bytes()
PATIENCE_SECONDS = 60  # for answers that are still owed at the end
_numbers = count()
_submitted = 0
_began = monotonic()
_began_at = time()
_arrivals = gevent.pool.Group()
_requests: list[tuple[float, str, float, str]] = []


def arrives(action: Callable[[Any], None]) -> Callable[[Any], None]:
    """In the open model who comes does not wait for those who came before; outside the peak every tenth comes."""

    @wraps(action)
    def begin(user: Researcher) -> None:
        is_peak = SECONDS / 3 < monotonic() - _began < 2 * SECONDS / 3
        if is_peak or random.random() < 0.1:
            _arrivals.spawn(action, user)

    return begin if IS_OPEN else action


class Researcher(FastHttpUser):
    """Looks at the list, at a job, downloads, and now and then submits."""

    concurrency = 1000  # the arrivals of the open model are many users
    network_timeout = PATIENCE_SECONDS

    def wait_time(self) -> float:
        """In the open model all together come as often as at the peak, by chance; else a moment's thought."""
        return random.expovariate(PEAK / USERS) if IS_OPEN else float(between(0.1, 0.5)(self))

    def on_start(self) -> None:
        """As a browser that has signed in before."""
        self.jobs: list[str] = []
        self.downloads: list[str] = []
        session = SESSIONS[next(_numbers) % len(SESSIONS)]
        # Cookie jars know a host without dots by this name.
        self.client.cookiejar.set_cookie(create_cookie("sessionid", session, domain="localhost.local"))
        self.look_at_list()

    def token(self) -> str:
        """The one that forms are sent with."""
        return next((cookie.value or "" for cookie in self.client.cookiejar if cookie.name == "csrftoken"), "")

    def send(self, path: str, form: dict[str, Any], name: str) -> Any:
        """Send a form with its token."""
        token = self.token()
        headers = {"X-CSRFToken": token, "Referer": f"{self.host}{path}"}
        return self.client.post(path, data={**form, "csrfmiddlewaretoken": token}, headers=headers, name=name)

    def look_at_list(self) -> None:
        """The list of jobs."""
        page = self.client.get("/jobs/", name="list").text or ""
        self.jobs = re.findall(r'href="(/jobs/[0-9a-f-]{36}/)"', page) or self.jobs

    @task(10)
    @arrives
    def list_jobs(self) -> None:
        """The list of jobs."""
        self.look_at_list()

    @task(10)
    @arrives
    def look_at_job(self) -> None:
        """One job's page."""
        if self.jobs:
            page = self.client.get(random.choice(self.jobs), name="job").text or ""
            self.downloads = re.findall(r'href="(/jobs/[0-9a-f-]{36}/download/tsv)"', page) or self.downloads

    @task(4)
    @arrives
    def download(self) -> None:
        """The table of a result."""
        if self.downloads:
            self.client.get(random.choice(self.downloads), name="download")

    @task(1)
    @arrives
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
            "X-CSRFToken": self.token(),
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


@events.request.add_listener
def note(name: str, response_time: float, start_time: float, exception: Exception | None, **_: Any) -> None:
    """Keep what became of a request."""
    _requests.append((start_time - _began_at, name, response_time, str(exception or "")))


@events.quit.add_listener
def write(**_: Any) -> None:
    """Wait for the answers that are owed, and write down all."""
    _arrivals.join(PATIENCE_SECONDS)
    with Path(os.environ["GAS_LOAD_REQUESTS"]).open("w", newline="") as file:
        csv.writer(file).writerows(_requests)
