"""An upgrade of a large database: quick, and nobody waits long for a lock meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg
import pytest

from tests_e2e.emulators.loopback import PROJECT
from tests_e2e.emulators.postgres import Postgres

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]

# What the last release's database had applied. Until there is one: what was landed first.
LAST_RELEASE = {"accounts": "0001", "annotations": "0001", "archival": "0001", "gas": "0001"}
MIGRATE_AS_THEN = """
import django
django.setup()
from django.core.management import call_command
for app, name in {release!r}.items():
    call_command("migrate", app, name, verbosity=0)
"""
JOBS = 100_000
MOST_SECONDS = 60
LONGEST_WAIT_SECONDS = 5.0  # of somebody who submits, and of a worker that renews its lease, meanwhile

# In SQL, for the models of today do not fit the tables of then. Columns without a word here have a default in none
# of the tables: what a later release adds is not there yet.
FILL = """
INSERT INTO accounts_user (id, email, name, institution, password, is_active, is_staff, is_superuser, date_joined,
    plan_code, plan_version, plan_override, plan_override_reason)
  SELECT gen_random_uuid(), 'user' || n || '@example.org', 'n', '', '!', true, false, false, now(), 'free', 0, '', ''
  FROM generate_series(1, 1000) n;
INSERT INTO annotations_upload (id, owner_id, storage_key, file_name, max_bytes, size_bytes, etag, status, is_sample,
    created_at)
  SELECT gen_random_uuid(), id, 'key' || n || id, 'a.vcf', 1000, 1000, 'e', 'consumed', false, now()
  FROM accounts_user, generate_series(1, {each}) n;
INSERT INTO annotations_job (id, owner_id, upload_id, submission_key, name, reference_name, reference_digest, options,
    status, attempt, crashes, worker, submitted_at, due_at, started_at, finished_at, records_done,
    bytes_done, bytes_total,
    failure_code, failure_detail)
  SELECT gen_random_uuid(), owner_id, id, id::text, 'a.vcf', 'demo', 'd', '{{}}', 'completed', 1, 0, 'w', now(),
    now(), now(), now(), 1, 1, 1, '', '{{}}' FROM annotations_upload;
INSERT INTO annotations_result (job_id, attempt, storage, summary, records_total, records_annotated, records_skipped,
    created_at)
  SELECT id, 1, 'hot', '{{}}', 1, 1, 0, now() FROM annotations_job;
INSERT INTO annotations_output (result_id, kind, storage_key, file_name, size_bytes, sha256)
  SELECT id, kind, id::text || kind, 'a', 1, 's' FROM annotations_job, unnest(array['vcf', 'tsv']) kind;
INSERT INTO annotations_jobevent (job_id, at, kind, attempt, detail)
  SELECT id, now(), kind, 1, '{{}}' FROM annotations_job, unnest(array['claimed', 'completed']) kind;
INSERT INTO gas_outboxmessage (id, kind, dedupe_key, payload, status, tries, due_at, created_at, done_at, last_error)
  SELECT gen_random_uuid(), kind, kind || ':' || id, '{{}}', 'done', 1, now(), now(), now(), ''
  FROM annotations_job, unnest(array['annotations.job_ended', 'annotations.webhook', 'archival.going_cold']) kind;
ANALYZE;
"""
TOUCH = (
    "UPDATE annotations_job SET records_done = records_done + 1 WHERE id = (SELECT id FROM annotations_job LIMIT 1)",
    "UPDATE gas_outboxmessage SET tries = tries + 1 WHERE id = (SELECT id FROM gas_outboxmessage LIMIT 1)",
)


def python(url: str, folder: Path, *arguments: str) -> None:
    """Python with the settings for this database, in a process of its own."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("GAS_")}
    settings = {"GAS_VAR_DIR": str(folder), "GAS_DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "gas.settings"}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=PROJECT,
        env=own | settings,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr


class Bystander(threading.Thread):
    """Somebody whose work goes on while the tables change: writes to one job and to one promise, again and again."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.url, self.stopped, self.longest, self.writes = url, threading.Event(), 0.0, 0

    def run(self) -> None:
        """Write until stopped, and keep the longest time that a write took."""
        with psycopg.connect(self.url, autocommit=True) as server:
            while not self.stopped.wait(0.02):
                began = time.monotonic()
                for touch in TOUCH:
                    server.execute(touch.encode())
                self.longest = max(self.longest, time.monotonic() - began)
                self.writes += 1


def test_a_hundred_thousand_jobs_of_the_last_release_migrate_in_a_minute_and_lock_nobody_out(
    postgres: Postgres, tmp_path: Path
) -> None:
    url = postgres.url(postgres.create_database())
    python(url, tmp_path, "-c", MIGRATE_AS_THEN.format(release=LAST_RELEASE))
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(FILL.format(each=JOBS // 1000).encode())
    bystander = Bystander(url)
    bystander.start()

    began = time.monotonic()
    python(url, tmp_path, "manage.py", "migrate", "--verbosity=0")
    took = time.monotonic() - began

    bystander.stopped.set()
    bystander.join()
    assert took < MOST_SECONDS
    assert bystander.writes > 10
    assert bystander.longest < LONGEST_WAIT_SECONDS
    with psycopg.connect(url) as server:
        assert server.execute("SELECT count(*) FROM annotations_job").fetchone() == (JOBS,)
