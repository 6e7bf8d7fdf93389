from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone

from annotations import transitions
from annotations.models import Job, JobStatus, Output, Result, StorageState, Upload, UploadStatus
from annotations.tests.conftest import VCF, finished, put_upload

pytestmark = pytest.mark.django_db


@pytest.fixture
def person(make_user):
    return make_user(email_confirmed_at=timezone.now())


@pytest.fixture
def browser(person) -> Client:
    client = Client()
    client.force_login(person)
    client.get("/healthz")  # the first page of a session writes it down
    return client


def done_job(make_job, person, **summary):
    job = make_job(person)
    claim = transitions.claim_job(job.pk, "worker")
    assert claim is not None
    assert transitions.complete(claim, finished(claim))
    Result.objects.filter(job=job).update(summary=summary)
    job.refresh_from_db()
    return job


def failed_job(make_job, person, **detail):
    job = make_job(person)
    claim = transitions.claim_job(job.pk, "worker")
    assert claim is not None
    transitions.fail(claim, "field", detail)
    job.refresh_from_db()
    return job


def bytes_of(response) -> bytes:
    """A download, as it streams."""
    return b"".join(response.streaming_content)


def only(pattern: str, text: str) -> str:
    """The first group of the first match."""
    found = re.search(pattern, text)
    assert found, pattern
    return found[1]


def text_of(response) -> str:
    """What a reader sees: no tags, blanks as one."""
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).replace("\N{NO-BREAK SPACE}", " ").split())


# --- Home and submit ---------------------------------------------------------------------------
def test_home_shows_a_variant_to_strangers_and_sends_users_to_their_jobs(client: Client, browser: Client):
    page = text_of(client.get("/"))
    assert "chrM 11778 G A" in page
    assert "missense_variant" in page
    assert browser.get("/").headers["Location"] == "/jobs/"


def test_the_page_says_what_is_left_before_anything_is_sent(browser: Client, person, make_job):
    make_job(person)
    page = text_of(browser.get("/jobs/new"))
    assert "up to 25 MB on the Free plan" in page
    assert "1 of 10" in page
    assert "1 of 50 jobs" in page


def test_an_upload_becomes_a_job_with_the_chosen_reference(browser: Client, person, virus_reference):
    upload = put_upload(person)
    form = {"upload_id": upload.pk, "submission_key": uuid4().hex, "reference": "virus", "name": "Patient 7"}
    response = browser.post("/jobs/new", form)
    job = Job.objects.get()
    assert response.headers["Location"] == f"/jobs/{job.pk}/"
    assert (job.name, job.reference_name, job.options, job.owner) == ("Patient 7", "virus", {}, person)


def test_a_double_click_makes_one_job(browser: Client, person, virus_reference):
    form = {"upload_id": put_upload(person).pk, "submission_key": uuid4().hex, "reference": "virus"}
    assert browser.post("/jobs/new", form).headers["Location"] == browser.post("/jobs/new", form).headers["Location"]
    assert Job.objects.count() == 1


def test_somebody_elses_upload_cannot_be_submitted(browser: Client, make_user, virus_reference):
    upload = put_upload(make_user())
    response = browser.post("/jobs/new", {"upload_id": upload.pk, "submission_key": uuid4().hex, "reference": "virus"})
    assert response.status_code == 422
    assert "Upload the file again" in text_of(response)
    assert not Job.objects.exists()


def test_a_refusal_keeps_what_was_typed_and_the_file_that_was_sent(browser: Client, person, virus_reference, make_job):
    for _ in range(10):
        make_job(person)
    upload = put_upload(person)
    form = {"upload_id": upload.pk, "submission_key": uuid4().hex, "reference": "virus", "name": "Patient 7"}
    response = browser.post("/jobs/new", form)
    page = response.content.decode()
    assert response.status_code == 422
    assert "as many as the Free plan allows" in page
    assert 'value="Patient 7"' in page
    assert str(upload.pk) in page
    assert "patient.vcf" in page


def test_a_reference_that_is_not_installed_is_refused_at_its_field(browser: Client, person):
    form = {"upload_id": put_upload(person).pk, "submission_key": uuid4().hex, "reference": "../../etc"}
    response = browser.post("/jobs/new", form)
    assert response.status_code == 422
    assert 'id="id_reference_error"' in response.content.decode()


def test_an_unproved_address_starts_no_job(make_user):
    client = Client()
    client.force_login(make_user(email_confirmed_at=None))
    for address in ("/jobs/new", "/jobs/sample", "/uploads/"):
        assert client.post(address, {}).headers["Location"] == "/accounts/profile/"
    assert not Upload.objects.exists()


# --- Uploading -----------------------------------------------------------------------------------
def announce(browser: Client, content: bytes = VCF, name: str = "patient.vcf"):
    return browser.post("/uploads/", {"file_name": name, "size_bytes": len(content)})


def test_the_browser_announces_sends_and_submits(browser: Client, person, virus_reference):
    ticket = announce(browser).json()
    assert ticket["method"] == "PUT"
    assert browser.put(ticket["url"], VCF, content_type="application/octet-stream").status_code == 204
    upload = Upload.objects.get()
    assert (upload.status, upload.size_bytes, upload.owner) == (UploadStatus.RECEIVED, len(VCF), person)


def test_more_bytes_than_announced_are_refused_and_nothing_is_kept(browser: Client):
    ticket = announce(browser).json()
    response = browser.put(ticket["url"], VCF + b"x", content_type="application/octet-stream")
    assert (response.status_code, response.json()["code"]) == (413, "file_differs")
    assert Upload.objects.get().status == UploadStatus.CREATED


def test_fewer_bytes_than_announced_are_refused(browser: Client):
    ticket = announce(browser, VCF + b"#").json()
    response = browser.put(ticket["url"], VCF, content_type="application/octet-stream")
    assert response.json()["code"] == "upload_incomplete"
    assert Upload.objects.get().status == UploadStatus.CREATED


def test_a_file_over_the_plan_is_refused_before_a_byte_is_sent(browser: Client):
    response = browser.post("/uploads/", {"file_name": "big.vcf", "size_bytes": 25_000_001})
    assert response.status_code == 413
    assert "25 MB" in response.json()["sentence"]
    assert not Upload.objects.exists()


def test_a_stranger_cannot_send_into_my_upload(browser: Client, make_user):
    ticket = announce(browser).json()
    stranger = Client()
    stranger.force_login(make_user(email_confirmed_at=timezone.now()))
    assert stranger.put(ticket["url"], VCF, content_type="application/octet-stream").status_code == 404


def test_sending_needs_the_form_token(person):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(person)
    token = only(r'name="csrfmiddlewaretoken" value="(\w+)"', strict.get("/jobs/new").content.decode())
    data = {"file_name": "a.vcf", "size_bytes": len(VCF)}
    assert strict.post("/uploads/", data).status_code == 403
    ticket = strict.post("/uploads/", data, headers={"X-CSRFToken": token}).json()
    stream, address = "application/octet-stream", ticket["url"]
    assert strict.put(address, VCF, content_type=stream).status_code == 403
    assert strict.put(address, VCF, content_type=stream, headers={"X-CSRFToken": token}).status_code == 204


# --- The list ------------------------------------------------------------------------------------
def test_the_list_is_mine_newest_first_by_status_and_by_name(browser: Client, person, make_job, make_user):
    make_job(make_user(), name="of somebody else.vcf")
    make_job(person, name="tumour.vcf")
    make_job(person, name="normal.vcf")
    Job.objects.filter(name="normal.vcf").update(submitted_at=timezone.now() + timedelta(seconds=5))
    page = text_of(browser.get("/jobs/"))
    assert "somebody else" not in page
    assert page.index("normal.vcf") < page.index("tumour.vcf")
    assert "normal.vcf" not in text_of(browser.get("/jobs/?search=TUM"))
    assert "No job fits" in text_of(browser.get("/jobs/?status=failed"))
    assert browser.get("/jobs/?status=nonsense").status_code == 200


def test_an_empty_list_gives_the_first_step(browser: Client):
    page = text_of(browser.get("/jobs/"))
    assert "Your jobs will be listed here" in page
    assert "HCC1395" in page


def test_the_page_of_a_result_asks_each_thing_once(browser: Client, person, make_job, django_assert_max_num_queries):
    done = done_job(make_job, person)
    with django_assert_max_num_queries(11):
        assert browser.get(f"/jobs/{done.pk}/").status_code == 200


def test_ten_thousand_jobs_cost_as_many_queries_as_one(browser: Client, person, make_job, django_assert_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    first = make_job(person)
    with CaptureQueriesContext(connection) as one:
        browser.get("/jobs/")
    Job.objects.bulk_create(
        Job(
            owner=person,
            upload=first.upload,
            name=f"job {number}.vcf",
            reference_name="virus",
            submission_key=f"{number:032x}",
            status=JobStatus.CANCELLED,
            submitted_at=first.submitted_at - timedelta(seconds=number + 1),
            due_at=first.submitted_at,
            finished_at=first.submitted_at,
        )
        for number in range(10_000)
    )
    with django_assert_num_queries(len(one)):
        page = browser.get("/jobs/").content.decode()
    seen = re.findall(r">(job \d+\.vcf)<", page)
    for _ in range(3):
        older = only(r'rel="next" href="([^"]+)"', page).replace("&amp;", "&")
        page = browser.get(f"/jobs/{older}").content.decode()
        seen += re.findall(r">(job \d+\.vcf)<", page)
    assert seen == [f"job {number}.vcf" for number in range(99)], "four pages: one job, then 99 in order, none twice"


def test_the_rows_poll_only_while_something_moves(browser: Client, person, make_job):
    job = make_job(person)
    rows = browser.get("/jobs/", headers={"HX-Request": "true"}).content.decode()
    assert rows.lstrip().startswith("<tbody")
    assert 'hx-trigger="every' in rows
    transitions.cancel(job.pk, by="owner")
    assert "hx-trigger" not in browser.get("/jobs/").content.decode()


# --- A job ---------------------------------------------------------------------------------------
def test_a_waiting_job_says_its_place_and_a_running_one_its_own_counts(browser: Client, person, make_job):
    job = make_job(person)
    assert "next in line" in text_of(browser.get(f"/jobs/{job.pk}/"))
    transitions.claim_job(job.pk, "worker")
    Job.objects.filter(pk=job.pk).update(
        records_done=1234, bytes_done=250, bytes_total=1000, started_at=Now() - timedelta(seconds=10)
    )
    live = browser.get(f"/jobs/{job.pk}/live")
    assert "1,234 records annotated" in text_of(live)
    assert 'value="0.2500"' in live.content.decode()
    assert "about 30 seconds left" in text_of(live)
    assert live.headers["Cache-Control"] == "private, no-store"


def test_polling_slows_down_while_waiting_and_stops_at_the_end(browser: Client, person, make_job):
    job = make_job(person)
    live = f"/jobs/{job.pk}/live"
    assert 'hx-trigger="every 2s"' in browser.get(live).content.decode()
    transitions.claim_job(job.pk, "worker")
    moving = browser.get(live).content.decode()
    assert 'hx-trigger="every 1s"' in moving
    assert only(r'<span id="status"[^>]*hx-swap-oob="true">(.*?)</span>', moving) == "Running"
    transitions.cancel(job.pk, by="owner")
    ended = browser.get(live)
    assert ended.headers["HX-Refresh"] == "true"
    assert ended.content == b""
    page = browser.get(f"/jobs/{job.pk}/").content.decode()
    assert "hx-trigger" not in page
    assert "http-equiv" not in page


@pytest.mark.parametrize(
    ("storage", "has_timer", "seconds"),
    [("hot", False, None), ("hot", True, 30), ("archiving", True, 5), ("cold", False, 30), ("restoring", False, 5)],
)
def test_an_open_page_follows_files_that_may_move(browser: Client, person, make_job, storage, has_timer, seconds):
    job = done_job(make_job, person)
    due = Now() + timedelta(minutes=1) if has_timer else None
    moments = {"archived_at": Now()} if storage in ("cold", "restoring") else {}
    Result.objects.filter(job=job).update(storage=storage, archive_due_at=due, **moments)
    for address, most in ((f"/jobs/{job.pk}/", seconds), ("/jobs/", seconds)):
        page = browser.get(address).content.decode()
        assert re.findall(r'hx-trigger="every (\d+)s"', page) == ([] if most is None else [str(most)]), address


def test_without_javascript_an_open_page_refreshes_itself(browser: Client, person, make_job):
    page = browser.get(f"/jobs/{make_job(person).pk}/").content.decode()
    assert '<noscript><meta http-equiv="refresh"' in page


def test_a_done_job_answers_with_counts_receipt_and_downloads(browser: Client, person, make_job):
    summary = {"impacts": {"HIGH": 1}, "consequences": {"stop_gained": 1, "intron_variant": 1}, "classes": {"SNV": 2}}
    job = done_job(make_job, person, **summary)
    page = text_of(browser.get(f"/jobs/{job.pk}/"))
    assert "3 records: 2 annotated, 1 skipped" in page
    assert "1 High impact" in page
    assert "stop gained 1" in page
    response = browser.get(f"/jobs/{job.pk}/download/vcf")
    assert bytes_of(response) == b"result"
    assert response.headers["Content-Disposition"] == 'attachment; filename="patient.annotated.vcf.gz"'


def test_the_input_comes_back_as_it_was(browser: Client, person, make_job):
    response = browser.get(f"/jobs/{make_job(person).pk}/input")
    assert bytes_of(response) == VCF
    assert response.headers["Content-Disposition"] == 'attachment; filename="patient.vcf"'


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ('a"b.vcf', r'attachment; filename="a\"b.vcf"'),
        ("Grüße.vcf", "attachment; filename*=utf-8''Gr%C3%BC%C3%9Fe.vcf"),
        ("x\r\nSet-Cookie: a=b.vcf", None),
    ],
)
def test_names_of_downloads_are_written_as_rfc_6266_says(browser: Client, person, make_job, name, header):
    job = make_job(person)
    Upload.objects.filter(pk=job.upload_id).update(file_name=name)
    response = browser.get(f"/jobs/{job.pk}/input")
    said = response.headers["Content-Disposition"]
    assert said.startswith("attachment")
    assert "\n" not in said
    assert "Set-Cookie" not in response.headers
    if header is not None:
        assert said == header


def test_a_log_is_plain_text_whatever_is_in_it(browser: Client, person, make_job):
    job = done_job(make_job, person)
    vcf = Output.objects.get(result__job=job)
    Output.objects.create(
        result=vcf.result, kind="log", storage_key=vcf.storage_key, file_name="a.log.txt", size_bytes=6, sha256="0" * 64
    )
    response = browser.get(f"/jobs/{job.pk}/download/log")
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_what_is_not_hot_or_not_there_cannot_be_downloaded(browser: Client, person, make_job):
    job = done_job(make_job, person)
    assert browser.get(f"/jobs/{job.pk}/download/nonsense").status_code == 404
    Result.objects.filter(job=job).update(storage=StorageState.COLD)
    archived = browser.get(f"/jobs/{job.pk}/download/vcf")
    assert archived.status_code == 409
    assert "in the archive" in text_of(archived)
    Result.objects.filter(job=job).update(storage=StorageState.DELETED)
    assert browser.get(f"/jobs/{job.pk}/download/vcf").status_code == 404


def test_a_failed_job_says_the_line_the_value_and_what_to_do(browser: Client, person, make_job, virus_reference):
    job = failed_job(
        make_job, person, sentence="POS must be a number. Correct the line.", line=1234, field="POS", value="<b>x</b>"
    )
    response = browser.get(f"/jobs/{job.pk}/")
    page = text_of(response)
    assert "POS must be a number. Correct the line." in page
    assert "Line 1,234" in page
    assert "<b>x</b>" not in response.content.decode()
    assert "&lt;b&gt;x&lt;/b&gt;" in response.content.decode()
    assert '<option value="virus" selected>' in response.content.decode()


def test_running_again_makes_a_second_job_on_the_same_file_once(browser: Client, person, make_job, virus_reference):
    job = failed_job(make_job, person, sentence="x")
    form = {"submission_key": uuid4().hex, "reference": "virus"}
    first = browser.post(f"/jobs/{job.pk}/again", form).headers["Location"]
    assert browser.post(f"/jobs/{job.pk}/again", form).headers["Location"] == first
    again = Job.objects.get(rerun_of=job)
    assert first == f"/jobs/{again.pk}/"
    assert again.upload_id == job.upload_id


def test_cancel_ends_an_open_job_and_is_no_surprise_afterwards(browser: Client, person, make_job):
    job = make_job(person)
    browser.post(f"/jobs/{job.pk}/cancel")
    job.refresh_from_db()
    assert job.status == JobStatus.CANCELLED
    assert "nothing to cancel" in text_of(browser.post(f"/jobs/{job.pk}/cancel", follow=True))


def test_delete_takes_the_job_away(browser: Client, person, make_job):
    job = done_job(make_job, person)
    assert "are deleted" in text_of(browser.post(f"/jobs/{job.pk}/delete", follow=True))
    assert not Job.objects.exists()
    assert browser.get(f"/jobs/{job.pk}/").status_code == 404


@pytest.mark.parametrize("part", ["", "live", "input", "download/vcf"])
def test_a_stranger_reads_nothing_of_my_job(part: str, person, make_job, make_user):
    job = done_job(make_job, person)
    stranger = Client()
    stranger.force_login(make_user(is_staff=False))
    assert stranger.get(f"/jobs/{job.pk}/{part}").status_code == 404
    assert Client().get(f"/jobs/{job.pk}/{part}").headers["Location"].startswith("/accounts/sign-in/?next=/jobs/")


@pytest.mark.parametrize("part", ["cancel", "delete", "again"])
def test_a_stranger_changes_nothing_of_my_job(part: str, person, make_job, make_user):
    job = make_job(person)
    stranger = Client()
    stranger.force_login(make_user(email_confirmed_at=timezone.now()))
    assert stranger.post(f"/jobs/{job.pk}/{part}").status_code == 404
    assert stranger.get(f"/jobs/{job.pk}/{part}").status_code == 405
    job.refresh_from_db()
    assert job.status == JobStatus.PENDING


def test_script_in_a_name_is_text(browser: Client, person, make_job):
    job = make_job(person, name="<script>alert(1)</script>.vcf")
    for address in ("/jobs/", f"/jobs/{job.pk}/", f"/jobs/{job.pk}/live"):
        assert "<script>alert" not in browser.get(address).content.decode()
    assert "&lt;script&gt;alert(1)" in browser.get("/jobs/").content.decode()


def _templates() -> list[Path]:
    root = Path(__file__).resolve().parents[2]
    return [*root.glob("templates/**/*.html"), *root.glob("*/templates/**/*.html")]


def test_every_time_of_day_says_that_it_is_utc():
    """Right behind it, or in the head of its column."""
    bare = {}
    for template in _templates():
        text = template.read_text()
        head = r"|</td>" if "(UTC)</th>" in text else ""
        if found := re.findall(rf'date:"[^"]*H:i[^"]*"[^}}]*}}}}(?!(?:</\w+>)? UTC{head}).{{0,20}}', text):
            bare[template.name] = found
    assert bare == {}


def test_no_template_writes_script_or_style_into_a_page_or_trusts_text():
    for template in _templates():
        text = template.read_text()
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|\|\s*safe\b|autoescape off", text), (
            template
        )


def test_the_plan_page_says_what_is_used_of_it(browser: Client, person, make_job):
    make_job(person)
    page = " ".join(browser.get("/accounts/plan/").content.decode().split())
    assert "<dt>Jobs waiting or running</dt><dd>1 of 10</dd>" in page
    assert "<dt>Jobs in the last 24 hours</dt><dd>1 of 50</dd>" in page
