"""The bucket refuses, is slow, resets, or has another file than was uploaded (faults 4, 15 and 16)."""

from __future__ import annotations

import boto3
import pytest

from tests_e2e.emulators.aws import CREDENTIALS, REGION
from tests_e2e.faults.conftest import Cloud
from tests_e2e.inputs import small_vcf
from tests_e2e.processes import wait_until
from tests_e2e.visitor import Visitor

pytestmark = [pytest.mark.e2e, pytest.mark.postgres, pytest.mark.xdist_group("cloud_faults")]

RESULTS = "^PUT .*/results/"


def own_objects(cloud: Cloud, job: str, area: str = "results") -> list[str]:
    """The keys of a job's result objects in this cloud's bucket."""
    bucket = cloud.site.environment["GAS_S3_BUCKET"]
    job_id = job.strip("/").rpartition("/")[2]
    keys = [stored["key"] for stored in cloud.aws.objects() if stored["bucket"] == bucket]
    return [key for key in keys if key.startswith(f"{area}/") and job_id in key]


@pytest.mark.parametrize(("status", "code"), [(500, "InternalError"), (503, "SlowDown")])
def test_a_bucket_that_refuses_is_asked_again(cloud: Cloud, cloud_visitor: Visitor, status: int, code: str) -> None:
    cloud.aws.fail_next("^GET .*/inputs/", times=2, status=status, code=code)
    cloud.aws.fail_next(RESULTS, times=2, status=status, code=code)
    cloud.site.start("annotate")
    job = cloud_visitor.annotate(small_vcf())
    ended = cloud.site.wait_for_job(job)
    assert (ended["status"], ended["crashes"]) == ("completed", 0)
    refused = [seen["label"] for seen in cloud.aws.requests_seen() if seen["status"] == status]
    assert len(refused) == 4


def test_a_connection_that_is_reset_while_storing_leaves_no_half_result(cloud: Cloud, cloud_visitor: Visitor) -> None:
    cloud.site.start("annotate")
    cloud.bucket.cut_after_request(lambda data: data.startswith(b"PUT /") and b"/results/" in data)
    job = cloud_visitor.annotate(small_vcf())
    assert cloud.bucket.dropped_answer.wait(60)
    ended = cloud.site.wait_for_job(job)
    assert (ended["status"], ended["crashes"]) == ("completed", 0)
    assert len(cloud.site.results_of(job)) == 1


def test_a_slow_bucket_is_waited_for(cloud: Cloud, cloud_visitor: Visitor) -> None:
    cloud.bucket.slow_down(40_000)
    cloud.site.start("annotate")
    job = cloud_visitor.annotate(small_vcf())
    ended = cloud.site.wait_for_job(job)
    assert (ended["status"], ended["attempt"]) == ("completed", 1)


def test_objects_and_parts_of_a_killed_attempt_are_swept(cloud: Cloud, cloud_visitor: Visitor) -> None:
    cloud.site.start("annotate", GAS_FAULT="during_store:1")
    job = cloud_visitor.annotate(small_vcf())
    bucket = cloud.site.environment["GAS_S3_BUCKET"]
    (first,) = wait_until(lambda: own_objects(cloud, job), "the first attempt stored an object")[:1]
    session = boto3.Session(CREDENTIALS.access_key, CREDENTIALS.secret_key, region_name=REGION)
    # A large output is sent in parts: this is what a worker that was killed over one leaves behind.
    session.client("s3", endpoint_url=cloud.aws.url).create_multipart_upload(Bucket=bucket, Key=first)
    ended = cloud.site.wait_for_job(job)
    assert (ended["status"], ended["attempt"]) == ("completed", 2)
    wait_until(lambda: first not in own_objects(cloud, job), "the first attempt's object is swept")
    wait_until(
        lambda: not [upload for upload in cloud.aws.incomplete_uploads() if upload["bucket"] == bucket],
        "the parts are swept",
    )
    assert own_objects(cloud, job)


def test_an_input_that_was_changed_after_submission_is_never_annotated(cloud: Cloud, cloud_visitor: Visitor) -> None:
    upload = cloud_visitor.upload(small_vcf(5))
    job = cloud_visitor.submit(upload)
    bucket = cloud.site.environment["GAS_S3_BUCKET"]
    (key,) = [s["key"] for s in cloud.aws.objects() if s["bucket"] == bucket and upload in s["key"]]
    session = boto3.Session(CREDENTIALS.access_key, CREDENTIALS.secret_key, region_name=REGION)
    client = session.client("s3", endpoint_url=cloud.aws.url)
    original = client.get_object(Bucket=bucket, Key=key)["Body"].read()
    client.put_object(Bucket=bucket, Key=key, Body=small_vcf(6))
    cloud.site.start("annotate")
    ended = cloud.site.wait_for_job(job)
    assert (ended["status"], ended["attempt"]) == ("failed", 3)
    assert cloud.site.results_of(job) == []
    assert own_objects(cloud, job) == []
    client.put_object(Bucket=bucket, Key=key, Body=original)
