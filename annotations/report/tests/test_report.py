from __future__ import annotations

import base64
import hashlib
import re

import pytest
from django.test import Client

from annotations.models import Job, JobStatus, Result, StorageState


def _report(browser: Client, job: Job, query: str = "") -> str:
    response = browser.get(f"/jobs/{job.pk}/report{query}")
    assert response.headers["Content-Disposition"] == 'attachment; filename="patient.report.html"'
    return response.content.decode()


def test_a_report_needs_nothing_else(browser: Client, virus_job: Job):
    page = _report(browser, virus_job)
    assert not re.findall(r'(?:src|href)="', page)
    assert "var(--" not in page
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src &#x27;sha256-{digest}&#x27;" in page or f"style-src 'sha256-{digest}'" in page


def test_a_report_says_what_was_done_with_what(browser: Client, virus_job: Job):
    page = _report(browser, virus_job)
    assert "3 records: 3 annotated, 0 skipped." in page
    assert virus_job.reference_digest in page
    assert virus_job.upload.etag in page  # the input's SHA-256
    for file in virus_job.result.summary["reference"]["inputs"]:
        assert file["sha256"] in page
    for output in virus_job.result.outputs.all():
        assert output.sha256 in page
    assert page.count("<figure>") >= 4


def test_a_report_lists_variants_of_high_and_moderate_impact_unless_others_are_chosen(browser: Client, virus_job: Job):
    page = _report(browser, virus_job)
    assert "2 variants with" in page
    assert ":p.Asp614Gly" in page
    assert "29,750" not in page
    chosen = _report(browser, virus_job, "?region=NC_045512.2:29000-29900")
    assert "29,750 C&gt;&lt;DEL&gt;" in chosen
    assert ":p.Asp614Gly" not in chosen


def test_a_report_can_be_written_when_the_files_are_archived(browser: Client, virus_job: Job):
    Result.objects.filter(job=virus_job).update(storage=StorageState.COLD)
    page = _report(browser, virus_job)
    assert "was archived when this report was written" in page
    assert page.count("<figure>") >= 4


def test_there_is_no_report_of_a_job_without_a_result(browser: Client, virus_job: Job):
    Result.objects.filter(job=virus_job).delete()
    Job.objects.filter(pk=virus_job.pk).update(status=JobStatus.CANCELLED)
    assert browser.get(f"/jobs/{virus_job.pk}/report").status_code == 404


@pytest.mark.parametrize("query", ["?region=x:y", "?impact=<script>"])
def test_nonsense_in_the_address_stays_out_of_the_report(browser: Client, virus_job: Job, query: str):
    page = _report(browser, virus_job, query)
    assert "<script>" not in page
    assert "2 variants with" in page
