from __future__ import annotations

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.tests.people import sign_in_staff
from annotations import references, transitions
from annotations.models import Job, JobStatus
from annotations.tests.conftest import put_upload, take
from gas import audit
from gas.models import AuditEntry

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client: Client) -> Client:
    sign_in_staff(client, User.objects.create_superuser("boss@example.org", "a long password"))
    return client


def act(staff: Client, action: str, *jobs: Job) -> None:
    data = {"action": action, "_selected_action": [str(job.pk) for job in jobs]}
    assert staff.post(reverse("admin:annotations_job_changelist"), data).status_code == 302


def test_the_installed_references_are_shown_with_their_manifests_and_cannot_be_changed(staff, virus_reference):
    address = reverse("admin:annotations_references")
    assert address in staff.get(reverse("admin:annotations_job_changelist")).content.decode()
    page = staff.get(address).content.decode()
    found = references.find("virus")
    assert found is not None
    for words in (found.digest, "ASM985889v3", "NC_045512.2.gff3", found.manifest["inputs"][0]["sha256"]):
        assert words in page
    assert "<form method" not in page.partition('id="content-main"')[2]
    assert Client().get(address).headers["Location"].startswith("/admin/login/")


def test_a_list_of_jobs_asks_as_many_questions_for_fifty_as_for_two(
    staff, user, make_job, django_assert_max_num_queries
):
    address = reverse("admin:annotations_job_changelist")
    for number in (2, 48):
        for _ in range(number):
            make_job(user)
        with django_assert_max_num_queries(6):
            page = staff.get(address)
    assert page.context["cl"].result_count == 50


def test_a_list_counts_to_a_bound_only(staff, user, make_job, monkeypatch):
    monkeypatch.setattr("annotations.admin.MAX_COUNTED", 3)
    for _ in range(5):
        make_job(user)
    page = staff.get(reverse("admin:annotations_job_changelist"))
    assert page.context["cl"].paginator.count == 3


def test_a_job_is_found_by_its_id_and_by_its_owner(staff, make_user, make_job):
    mine, other = make_job(make_user()), make_job(make_user())
    address = reverse("admin:annotations_job_changelist")
    for term in (str(mine.pk), mine.owner.email.upper()):
        found = staff.get(address, {"q": term}).context["cl"].queryset
        assert list(found) == [mine]
    assert other not in staff.get(address, {"q": "nobody"}).context["cl"].queryset


def test_the_timeline_is_there_to_read_and_nothing_to_write(staff, claim, job):
    transitions.fail(claim, "wall_limit", {})
    address = reverse("admin:annotations_job_change", args=[job.pk])
    page = staff.get(address).content.decode()
    assert "Started" in page
    assert "took longer than a job may" in page
    assert staff.post(address, {"status": "completed"}).status_code == 403
    job.refresh_from_db()
    assert job.status == JobStatus.FAILED


def test_requeue_ends_running_leases_and_is_audited(staff, user, make_job):
    running, waiting = make_job(user), make_job(user)
    claim = take(running)
    act(staff, "requeue", running, waiting)
    running.refresh_from_db()
    assert (running.status, running.attempt) == (JobStatus.PENDING, 1)
    assert not transitions.is_mine(claim)
    assert list(AuditEntry.objects.exclude(action="sign in").values_list("action", "target")) == [
        ("requeue job", f"job:{running.pk}")
    ]


def test_cancel_ends_open_jobs_only(staff, user, make_job):
    done, waiting = make_job(user), make_job(user)
    transitions.fail(take(done), "wall_limit", {})
    act(staff, "cancel", done, waiting)
    assert dict(Job.objects.values_list("pk", "status")) == {done.pk: "failed", waiting.pk: "cancelled"}


def test_staff_without_the_right_to_change_jobs_cannot_act(client, job):
    from django.contrib.auth.models import Permission

    reader = User.objects.create_user("reader@example.org", "a long password", is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_job"))
    sign_in_staff(client, reader)
    address = reverse("admin:annotations_job_changelist")
    assert client.get(address).status_code == 200
    client.post(address, {"action": "cancel", "_selected_action": [str(job.pk)]})
    job.refresh_from_db()
    assert job.status == JobStatus.PENDING


def test_uploads_are_listed_without_a_way_to_their_content(staff, user):
    upload = put_upload(user)
    page = staff.get(reverse("admin:annotations_upload_changelist")).content.decode()
    assert upload.file_name in page
    assert upload.storage_key not in page


def test_every_row_of_the_app_is_read_only_in_the_admin(rf):
    request = rf.get("/")
    request.user = User(is_superuser=True, is_active=True)
    for model, model_admin in admin.site._registry.items():
        if model._meta.app_label == "annotations":
            assert not model_admin.has_add_permission(request)
            assert not model_admin.has_change_permission(request)
            assert not model_admin.has_delete_permission(request)


def test_what_staff_read_is_in_the_audit_log_and_what_they_are_refused_is_not(staff, job):
    staff.get(reverse("admin:index"))
    staff.get(reverse("admin:annotations_job_changelist"), {"q": str(job.owner.email)})
    staff.get(reverse("admin:annotations_job_change", args=[job.pk]))
    staff.get(reverse("admin:accounts_user_change", args=[job.owner_id]))
    staff.get(reverse("admin:annotations_job_change", args=[job.owner_id]))
    Client().get(reverse("admin:annotations_job_change", args=[job.pk]))
    reads = AuditEntry.objects.filter(action="staff read").order_by("pk")
    assert list(reads.values_list("target", "detail__page")) == [
        ("", "annotations_job_changelist"),
        (f"job:{job.pk}", "annotations_job_change"),
        (f"user:{job.owner_id}", "accounts_user_change"),
    ]
    assert set(reads.values_list("actor", flat=True)) == {audit.pseudonym(User.objects.get(email="boss@example.org"))}
