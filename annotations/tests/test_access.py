from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.http import Http404

from annotations import access, transitions
from annotations.models import Job, JobStatus
from annotations.tests.conftest import put_upload
from gas.clock import from_now

pytestmark = pytest.mark.django_db


def test_an_owner_finds_the_job_and_a_stranger_does_not(make_user, make_job):
    owner, stranger, staff = make_user(), make_user(), make_user(is_staff=True)
    job = make_job(owner)
    assert access.owned_job(owner, job.pk) == job
    for other in (stranger, staff):
        with pytest.raises(Http404):
            access.owned_job(other, job.pk)
    with pytest.raises(Http404):
        access.owned_job(owner, uuid4())


def test_an_owner_finds_the_upload_and_a_stranger_does_not(make_user):
    owner, stranger = make_user(), make_user()
    upload = put_upload(owner)
    assert access.owned_upload(owner, upload.pk) == upload
    with pytest.raises(Http404):
        access.owned_upload(stranger, upload.pk)


def test_pages_hold_each_job_once_newest_first_even_when_moments_are_equal(user, make_job, monkeypatch):
    monkeypatch.setattr(access, "PAGE_SIZE", 3)
    jobs = [make_job(user) for _ in range(8)]
    Job.objects.filter(pk__in=[job.pk for job in jobs[:4]]).update(submitted_at=from_now(timedelta(hours=-1)))
    seen: list[Job] = []
    before = None
    while True:
        page = access.jobs_of(user, before=before)
        seen += page.jobs
        if not page.next_key:
            break
        before = page.next_key.replace("+", " ")  # as a link that was not quoted brings it back
    assert len(seen) == len(set(seen)) == 8
    assert [job.submitted_at for job in seen] == sorted((job.submitted_at for job in seen), reverse=True)


def test_a_new_job_shifts_no_page(user, make_job, monkeypatch):
    monkeypatch.setattr(access, "PAGE_SIZE", 2)
    for _ in range(4):
        make_job(user)
    first = access.jobs_of(user)
    second = access.jobs_of(user, before=first.next_key)
    make_job(user)
    assert access.jobs_of(user, before=first.next_key) == second


def test_the_list_is_narrowed_by_status_and_by_name(make_user, make_job):
    user, other = make_user(), make_user()
    wanted = make_job(user, name="Tumour of patient 7")
    make_job(user, name="Tumour of patient 8")
    make_job(other, name="Tumour of patient 7")
    transitions.cancel(wanted.pk, by="owner")
    assert access.jobs_of(user, status=JobStatus.CANCELLED).jobs == [wanted]
    assert access.jobs_of(user, search=" PATIENT 7 ").jobs == [wanted]
    assert access.jobs_of(user, status=JobStatus.PENDING, search="patient 7").jobs == []


SOME_ID = "5f0c8ffa-6f43-4a51-9a39-0d7d7d3a1e11"


@pytest.mark.parametrize("key", ["x", "_", "2026-01-01_", f"2026-01-01T00:00:00_{SOME_ID}", f"x_{SOME_ID}"])
def test_nonsense_is_not_found(user, key):
    with pytest.raises(Http404):
        access.jobs_of(user, before=key)
    with pytest.raises(Http404):
        access.jobs_of(user, status="nonsense")


def test_a_page_is_one_question_however_many_jobs_there_are(user, make_job, django_assert_num_queries):
    for number in (1, 40):
        for _ in range(number):
            make_job(user)
        with django_assert_num_queries(1):
            page = access.jobs_of(user)
            assert all(job.name for job in page.jobs)
