from __future__ import annotations

import pytest

from annotations import failures, timeline, transitions
from annotations.models import JobEvent
from annotations.tests.conftest import finished, take
from annotations.tests.test_transitions import expire_lease, make_due
from gas.clock import database_now

pytestmark = pytest.mark.django_db


def test_the_timeline_tells_what_happened_in_order(job):
    take(job)
    expire_lease(job)
    transitions.lose_lease(job.pk)
    make_due(job)
    claim = take(job)
    transitions.complete(claim, finished(claim))
    lines = timeline.lines(job)
    assert [(line.text, line.attempt) for line in lines] == [
        ("Submitted", 0),
        ("Started", 1),
        ("The worker fell silent; the job waits for another try", 1),
        ("Started", 2),
        ("Done: 3 records", 2),
    ]
    assert all(line.at <= database_now() for line in lines)


@pytest.mark.parametrize("reason", ["stopping", "disk_full", "storage_away", "database_away"])
def test_each_reason_to_give_a_job_back_has_words(claim, job, reason):
    transitions.give_back(claim, reason)
    assert timeline.lines(job)[-1].text == timeline.WORDS[reason]


def test_a_cancel_says_whose_it_was(job):
    transitions.cancel(job.pk, by="staff")
    assert timeline.lines(job)[-1].text == "Cancelled by the staff"


def test_a_kind_from_newer_code_is_shown_as_it_is(job):
    JobEvent.objects.create(job=job, at=database_now(), kind="moved_to_mars")
    assert timeline.lines(job)[-1].text == "Moved to mars"


@pytest.mark.parametrize("code", sorted(failures.OURS))
def test_every_failure_of_ours_is_a_sentence_with_its_figures(claim, job, code):
    transitions.fail(claim, code, {"attempts": 3, "memory_mb": 3000})
    job.refresh_from_db()
    sentence = failures.sentence(job)
    assert sentence.endswith(".")
    assert "{" not in sentence
    assert "several" not in sentence
    assert "{" not in failures._compose(code, {}), "an old row may lack a figure"


def test_the_annotators_sentence_is_shown_with_its_place(claim, job):
    report = {
        "code": "bad_pos",
        "sentence": "Line 7: POS is not a number.",
        "line": 7,
        "field": "POS",
        "value": "x" * 900,
    }
    transitions.fail(claim, *failures.of_the_file(report))
    job.refresh_from_db()
    assert failures.sentence(job) == "Line 7: POS is not a number."
    assert job.failure_detail["line"] == 7
    assert job.failure_detail["value"] == "x" * failures.MAX_TEXT


def test_a_job_that_did_not_fail_has_no_sentence(job):
    assert failures.sentence(job) == ""
