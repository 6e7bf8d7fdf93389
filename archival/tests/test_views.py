from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import PlanCode
from annotations.models import Result, StorageState
from archival import sweep
from archival.models import Recall
from archival.tests.conftest import be_impatient, go_cold, let_time_pass, set_plan, state
from gas.models import AuditEntry

pytestmark = pytest.mark.django_db


def page(client, result: Result) -> str:
    text: str = client.get(reverse("annotations:job", args=[result.pk])).content.decode()
    return text


@pytest.fixture
def owner(client, user):
    client.force_login(user)
    return user


@pytest.fixture
def premium(client, user):
    owner = set_plan(user, PlanCode.PREMIUM)
    client.force_login(owner)
    return owner


def test_a_free_users_page_counts_down_to_the_archive(client, owner, result):
    result.refresh_from_db()
    text = page(client, result)
    assert f"At hand until <strong>{result.archive_due_at:%-d %b %Y, %H:%M} UTC" in text
    assert "Archive these files" not in text
    listed = client.get(reverse("annotations:jobs")).content.decode()
    assert "At hand until" in listed
    assert f"{result.archive_due_at:%-d %b}</time>" in listed


def test_an_archived_result_says_how_large_it_is_and_what_premium_gives(client, owner, result):
    go_cold(result)
    text = page(client, result)
    size = sum(output.size_bytes for output in result.outputs.filter(kind__in=("vcf", "vcf_index", "parquet")))
    assert f"{size / 1000:,.1f}" in text
    assert "kept, not deleted" in text
    assert reverse("accounts:plan") in text
    assert reverse("archival:restore", args=[result.pk]) not in text
    assert "Archived" in client.get(reverse("annotations:jobs")).content.decode()


def test_files_in_the_archive_are_not_downloaded_and_small_ones_are(client, owner, result):
    go_cold(result)
    refused = client.get(reverse("annotations:download", args=[result.pk, "vcf"]))
    assert refused.status_code == 409
    assert "This file is in the archive." in refused.content.decode()
    summary = client.get(reverse("annotations:download", args=[result.pk, "summary"]))
    assert b"".join(summary.streaming_content) == b"{}"


def test_a_result_on_its_way_to_the_archive_can_still_be_downloaded(client, premium, result):
    client.post(reverse("archival:archive", args=[result.pk]))
    assert state(result) == StorageState.ARCHIVING
    found = client.get(reverse("annotations:download", args=[result.pk, "vcf"]))
    assert b"".join(found.streaming_content).startswith(b"annotated variants")


def test_a_premium_user_archives_and_asks_back_by_hand(client, premium, result):
    assert "Archive these files" in page(client, result)
    client.post(reverse("archival:archive", args=[result.pk]))
    sweep.sweep()
    assert state(result) == StorageState.COLD
    assert "Bring them back" in page(client, result)
    client.post(reverse("archival:restore", args=[result.pk]))
    sweep.sweep()
    text = page(client, result)
    assert "Coming back from the archive" in text
    assert "Expected within <strong>1\N{NO-BREAK SPACE}hour</strong>" in text
    let_time_pass(2)
    be_impatient()
    sweep.sweep()
    assert state(result) == StorageState.HOT
    assert set(AuditEntry.objects.values_list("action", flat=True)) >= {"archive result", "ask result back"}


def test_two_clicks_ask_back_once(client, premium, result):
    client.post(reverse("archival:archive", args=[result.pk]))
    sweep.sweep()
    for _ in range(2):
        client.post(reverse("archival:restore", args=[result.pk]))
    assert Recall.objects.count() == 1


def test_a_free_user_archives_and_asks_back_nothing_by_hand(client, owner, result):
    client.post(reverse("archival:archive", args=[result.pk]))
    assert state(result) == StorageState.HOT
    go_cold(result)
    answer = client.post(reverse("archival:restore", args=[result.pk]), follow=True)
    assert "belong to the Premium plan" in answer.content.decode()
    assert state(result) == StorageState.COLD


@pytest.mark.parametrize("name", ["archive", "restore"])
def test_nobody_else_moves_a_result(client, make_user, result, name):
    path = reverse(f"archival:{name}", args=[result.pk])
    assert client.post(path).url.startswith("/accounts/")
    client.force_login(set_plan(make_user(), PlanCode.PREMIUM))
    assert client.post(path).status_code == 404
    assert state(result) == StorageState.HOT
    assert client.get(path).status_code == 405
    assert client.post(reverse(f"archival:{name}", args=[uuid4()])).status_code == 404


def test_a_job_without_a_result_has_nothing_to_archive(client, premium, make_job):
    assert client.post(reverse("archival:archive", args=[make_job(premium).pk])).status_code == 404


def test_the_list_asks_no_more_queries_for_many_archived_results(client, owner, make_result, django_assert_num_queries):
    path = reverse("annotations:jobs")
    go_cold(make_result(owner))
    client.get(path)
    with CaptureQueriesContext(connection) as few:
        client.get(path)
    for _ in range(3):
        go_cold(make_result(owner))
    with django_assert_num_queries(len(few)):
        client.get(path)
