from __future__ import annotations

import pytest

from annotations import erasure, submission, transitions
from annotations.areas import area
from annotations.models import Job, Upload
from annotations.tests.conftest import finished, put_upload, take

pytestmark = pytest.mark.django_db


def owners(name) -> set[str]:
    return {key.partition("/")[0] for key in area(name).keys("", 100)}


def test_nothing_of_an_erased_user_remains_and_all_of_the_others(make_user, make_job):
    gone, stays = make_user(), make_user()
    for user in (gone, stays):
        claim = take(make_job(user))
        transitions.complete(claim, finished(claim))
        submission.run_again(user, Job.objects.get(pk=claim.job_id), "again", reference_name="virus")
        put_upload(user)
    late = finished(take(Job.objects.get(owner=gone, status="pending")))
    assert late.outputs
    erasure.erase(gone)
    erasure.erase(gone)
    assert set(Job.objects.values_list("owner", flat=True)) == {stays.pk}
    assert set(Upload.objects.values_list("owner", flat=True)) == {stays.pk}
    assert owners("inputs") == owners("results") == {str(stays.pk)}


@pytest.fixture(autouse=True)
def _reference(virus_reference):
    pass
