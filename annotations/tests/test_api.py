"""The interface for programs: a token, JSON, and the same rules as the pages."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import ApiToken, Plan, User
from accounts.security import tokens
from annotations import transitions
from annotations.models import Job, JobStatus, ShareOpening, StorageState, Upload
from annotations.sharing import granting
from annotations.tests.conftest import VCF, MakeJob, MakeUser, finished, take
from gas.models import AuditEntry

pytestmark = pytest.mark.django_db
NOBODY = {"code", "sentence"}


class Program:
    """A client that sends a token and JSON."""

    def __init__(self, user: User, *scopes: str) -> None:
        self.token, text = tokens.make(user, "program", list(scopes) or ["jobs:read", "jobs:write"], 1)
        self.client = Client(enforce_csrf_checks=True, headers={"authorization": f"Bearer {text}"})

    def get(self, path: str):
        return self.client.get(f"/api/v1/{path}")

    def post(self, path: str, **data):
        return self.client.post(f"/api/v1/{path}", data, content_type="application/json")

    def put(self, path: str, content: bytes):
        return self.client.put(path, content, content_type="application/octet-stream")

    def delete(self, path: str):
        return self.client.delete(f"/api/v1/{path}")


@pytest.fixture(autouse=True)
def confirmed(user: User, settings) -> None:
    user.email_confirmed_at = user.date_joined
    user.save()
    settings.BASE_URL = "http://testserver"


@pytest.fixture
def program(user: User) -> Program:
    return Program(user)


def refusal(response) -> tuple[int, str]:
    """(status, code) of an answer that is a refusal and nothing else: one code, one sentence."""
    told = response.json()
    assert set(told) == NOBODY, told
    assert told["sentence"].endswith(".")
    return response.status_code, told["code"]


def upload(program: Program, content: bytes = VCF) -> str:
    ticket = program.post("uploads", file_name="patient.vcf", size_bytes=len(content)).json()
    assert program.put(ticket["url"].removeprefix("http://testserver"), content).status_code == 204
    return str(ticket["upload_id"])


def test_a_file_goes_from_upload_to_job_and_its_result_comes_back(program: Program, user: User, virus_reference: str):
    upload_id = upload(program)
    submitted = program.post("jobs", upload_id=upload_id, reference="virus", name="Patient 1", overwrite=True)
    assert submitted.status_code == 201
    job = Job.objects.get()
    assert (job.owner, job.options, job.name, str(job.upload_id)) == (user, {"overwrite": True}, "Patient 1", upload_id)
    told = submitted.json()
    assert (told["id"], told["status"], told["result"], told["failure"]) == (str(job.pk), "pending", None, None)

    claim = take(job)
    assert transitions.complete(claim, finished(claim, b"annotated"))
    told = program.get(f"jobs/{job.pk}").json()
    assert (told["status"], told["result"]["records_total"], told["result"]["records_skipped"]) == ("completed", 3, 1)
    (file,) = told["result"]["files"]
    assert (file["kind"], file["size_bytes"], file["is_at_hand"]) == ("vcf", 9, True)
    fetched = program.client.get(file["url"].removeprefix("http://testserver"))
    assert fetched.getvalue() == b"annotated"
    assert fetched.headers["Content-Disposition"].startswith("attachment")
    assert AuditEntry.objects.get(action="download output").target == f"job:{job.pk}"
    lines = program.get(f"jobs/{job.pk}/timeline").json()
    assert [line["text"] for line in lines] == ["Submitted", "Started", "Done: 3 records"]


def test_a_submit_that_is_repeated_gives_the_same_job(program: Program, virus_reference: str):
    upload_id = upload(program)
    ids = {program.post("jobs", upload_id=upload_id, reference="virus").json()["id"] for _ in range(3)}
    assert len(ids) == Job.objects.count() == 1


def test_jobs_are_listed_newest_first_page_by_page(program: Program, user: User, make_job: MakeJob):
    made = [str(make_job(user, name=f"job {number}").pk) for number in range(27)]
    first = program.get("jobs").json()
    second = program.client.get(first["next"].removeprefix("http://testserver")).json()
    assert [job["id"] for job in first["jobs"] + second["jobs"]] == made[::-1]
    assert second["next"] is None
    assert [job["name"] for job in program.get("jobs?search=job+26").json()["jobs"]] == ["job 26"]
    assert program.get("jobs?status=failed").json() == {"jobs": [], "next": None}


def test_a_list_costs_the_same_for_many_jobs_as_for_one(
    program: Program, user: User, make_job: MakeJob, django_assert_max_num_queries
):
    for _ in range(10):
        make_job(user)
    program.get("jobs")
    with django_assert_max_num_queries(4):
        program.get("jobs")


def test_an_open_job_is_cancelled_once_and_a_job_is_deleted_for_good(program: Program, job: Job):
    assert program.post(f"jobs/{job.pk}/cancel").json()["status"] == "cancelled"
    assert refusal(program.post(f"jobs/{job.pk}/cancel")) == (409, "job_ended")
    assert program.delete(f"jobs/{job.pk}").status_code == 204
    assert not Job.objects.exists()
    assert refusal(program.get(f"jobs/{job.pk}")) == (404, "not_found")


def test_why_a_job_failed_is_said_with_its_line(program: Program, job: Job):
    detail = {"sentence": "Line 7 has no REF.", "line": 7, "value": "."}
    transitions.fail(take(job), "ref_missing", detail)
    told = program.get(f"jobs/{job.pk}").json()["failure"]
    assert told == {
        "code": "ref_missing",
        "sentence": "Line 7 has no REF.",
        "line": 7,
        "field": None,
        "value": ".",
    }


def test_an_archived_file_is_refused_with_a_word_on_where_it_is(program: Program, job: Job):
    claim = take(job)
    transitions.complete(claim, finished(claim))
    type(job.result).objects.update(storage=StorageState.COLD)
    assert program.get(f"jobs/{job.pk}").json()["result"]["files"][0]["is_at_hand"] is False
    assert refusal(program.get(f"jobs/{job.pk}/files/vcf")) == (409, "file_archived")
    assert refusal(program.get(f"jobs/{job.pk}/files/tsv")) == (404, "not_found")


def test_the_account_says_what_is_left(program: Program, user: User, job: Job, virus_reference: str):
    told = program.get("account").json()
    assert (told["email"], told["plan"], told["open_jobs"], told["jobs_within_24_hours"]) == (user.email, "free", 1, 1)
    assert told["stored_bytes"] == len(VCF)
    assert {"name": "virus", "assembly": "ASM985889v3"}.items() <= program.get("references").json()[-1].items()


# --- Who is let in -------------------------------------------------------------------------------
CALLS = [
    ("get", "account", "jobs:read"),
    ("get", "references", "jobs:read"),
    ("post", "uploads", "jobs:write"),
    ("put", "uploads/{upload}/content", "jobs:write"),
    ("post", "jobs", "jobs:write"),
    ("get", "jobs", "jobs:read"),
    ("get", "jobs/shared", "jobs:read"),
    ("get", "jobs/{job}", "jobs:read"),
    ("delete", "jobs/{job}", "jobs:write"),
    ("get", "jobs/{job}/timeline", "jobs:read"),
    ("post", "jobs/{job}/cancel", "jobs:write"),
    ("get", "jobs/{job}/files/vcf", "jobs:read"),
]


def test_the_calls_below_are_all_there_are(client: Client):
    described = json.loads(client.get("/api/v1/openapi.json").content)
    found = {(method, path) for path, methods in described["paths"].items() for method in methods}
    names = {"{job}": "{job_id}", "{upload}": "{upload_id}", "files/vcf": "files/{kind}"}
    listed = json.dumps([(method, f"/api/v1/{path}") for method, path, _ in CALLS])
    for short, long in names.items():
        listed = listed.replace(short, long)
    assert sorted(found) == sorted(map(tuple, json.loads(listed)))


@pytest.mark.parametrize(("method", "path", "scope"), CALLS)
def test_each_call_takes_a_token_of_the_right_scope_and_nothing_else(method, path, scope, user: User, job: Job):
    address = f"/api/v1/{path.format(job=job.pk, upload=job.upload_id)}"
    browser = Client()
    browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    for nobody in (Client(), browser, Client(headers={"authorization": "Bearer gas_" + "x" * 43})):
        answer = getattr(nobody, method)(address)
        assert refusal(answer) == (401, "unauthorized")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    other = "jobs:read" if scope == "jobs:write" else "jobs:write"
    answer = getattr(Program(user, other).client, method)(address)
    assert refusal(answer) == (403, "forbidden")
    assert scope in answer.json()["sentence"]
    assert Job.objects.get().status == JobStatus.PENDING


@pytest.mark.parametrize(("method", "path", "scope"), [call for call in CALLS if "{" in call[1]])
def test_what_is_somebody_elses_is_not_there(method, path, scope, make_user: MakeUser, job: Job):
    stranger = make_user(email_confirmed_at=job.submitted_at, is_staff=True, is_superuser=True)
    address = f"/api/v1/{path.format(job=job.pk, upload=job.upload_id)}"
    assert refusal(getattr(Program(stranger).client, method)(address)) == (404, "not_found")
    assert Job.objects.get().status == JobStatus.PENDING


@pytest.mark.parametrize("allows_downloads", [True, False])
def test_a_result_that_is_shared_by_name_is_listed_read_and_downloaded_as_its_owner_allows(
    allows_downloads: bool, user: User, make_user: MakeUser, job: Job, program: Program
):
    reader = make_user(email_confirmed_at=job.submitted_at)
    theirs = Program(reader)
    claim = take(job)
    assert transitions.complete(claim, finished(claim, b"annotated"))
    assert theirs.get("jobs/shared").json() == {"jobs": [], "next": None}
    job.refresh_from_db()
    share = granting.invite(user, job, reader.email, granting.Terms(allows_downloads=allows_downloads))

    (listed,) = theirs.get("jobs/shared").json()["jobs"]
    assert (listed["id"], listed["shared"]["by"]) == (str(job.pk), "A user")
    assert listed["shared"]["allows_downloads"] is allows_downloads
    assert theirs.get("jobs").json()["jobs"] == []
    told = theirs.client.get(listed["url"].removeprefix("http://testserver")).json()
    assert (told["shared"], told["result"]["records_total"]) == (listed["shared"], 3)
    assert [file["kind"] for file in told["result"]["files"]] == (["vcf"] if allows_downloads else [])
    assert ShareOpening.objects.get().reader == reader
    fetched = theirs.get(f"jobs/{job.pk}/files/vcf")
    assert fetched.status_code == (200 if allows_downloads else 404)
    assert program.get(f"jobs/{job.pk}").json()["shared"] is None

    for method, path in (("delete", ""), ("get", "/timeline"), ("post", "/cancel")):
        assert refusal(getattr(theirs, method)(f"jobs/{job.pk}{path}")) == (404, "not_found")
    assert refusal(theirs.get(f"jobs/{job.pk}/files/log")) == (404, "not_found")
    assert granting.revoke(user, job, share.pk)
    for path in ("", "/files/vcf"):
        assert refusal(theirs.get(f"jobs/{job.pk}{path}")) == (404, "not_found")
    assert theirs.get("jobs/shared").json() == {"jobs": [], "next": None}


def test_shared_results_are_listed_page_by_page_though_one_ends_meanwhile(
    user: User, make_user: MakeUser, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(granting, "PAGE_SIZE", 2)
    reader = make_user(email_confirmed_at=timezone.now())
    theirs = Program(reader)
    shares = []
    for _ in range(5):
        claim = take(make_job(user))
        assert transitions.complete(claim, finished(claim, b"annotated"))
        job = Job.objects.get(pk=claim.job_id)
        shares.append(granting.invite(user, job, reader.email, granting.Terms()))
    first = theirs.get("jobs/shared").json()
    assert granting.revoke(user, shares[3].job, shares[3].pk)  # the last of the first page
    second = theirs.client.get(first["next"].removeprefix("http://testserver")).json()
    third = theirs.client.get(second["next"].removeprefix("http://testserver")).json()
    found = [job["id"] for answer in (first, second, third) for job in answer["jobs"]]
    assert found == [str(share.job_id) for share in reversed(shares)]
    assert third["next"] is None
    assert theirs.get("jobs/shared?before=nonsense").status_code == 422


def test_what_a_link_opens_is_not_for_programs(user: User, make_user: MakeUser, job: Job):
    claim = take(job)
    assert transitions.complete(claim, finished(claim, b"annotated"))
    job.refresh_from_db()
    granting.make_link(user, job, granting.Terms(needs_sign_in=False, allows_downloads=True))
    stranger = Program(make_user(email_confirmed_at=job.submitted_at))
    assert refusal(stranger.get(f"jobs/{job.pk}")) == (404, "not_found")
    assert stranger.get("jobs/shared").json() == {"jobs": [], "next": None}


def test_somebody_elses_upload_is_not_submitted(make_user: MakeUser, job: Job, virus_reference: str, program: Program):
    stranger = Program(make_user(email_confirmed_at=job.submitted_at))
    upload_id = upload(program)
    assert refusal(stranger.post("jobs", upload_id=upload_id, reference="virus")) == (409, "upload_unknown")


def test_an_address_that_is_not_proved_opens_nothing(make_user: MakeUser):
    assert refusal(Program(make_user()).get("jobs")) == (403, "forbidden")


def test_a_revoked_token_is_refused_at_once(program: Program, user: User):
    assert program.get("jobs").status_code == 200
    tokens.revoke(user, program.token.pk)
    assert refusal(program.get("jobs")) == (401, "unauthorized")


def test_too_many_calls_wait(program: Program, user: User, settings):
    settings.API_CALLS_PER_MINUTE = 2
    other = Program(user)
    assert [program.get("jobs").status_code for _ in range(2)] == [200, 200]
    answer = program.get("jobs")
    assert refusal(answer) == (429, "too_many_requests")
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    assert other.get("jobs").status_code == 200, "each token has a count of its own"


def test_a_method_that_a_call_does_not_take_is_refused_in_json(program: Program):
    answer = program.delete("jobs")
    assert refusal(answer) == (405, "method_not_allowed")
    assert sorted(answer.headers["Allow"].split(", ")) == ["GET", "POST"]


# --- What is refused -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"file_name": "a.vcf"}, "size_bytes"),
        ({"file_name": "a.vcf", "size_bytes": "many"}, "size_bytes"),
        ({"file_name": "", "size_bytes": 5}, "file_name"),
    ],
)
def test_what_is_wrong_with_a_call_is_said_by_its_place(data, words, program: Program):
    answer = program.post("uploads", **data)
    assert refusal(answer) == (422, "invalid")
    assert words in answer.json()["sentence"]
    assert not Upload.objects.exists()


def test_a_body_that_is_no_json_and_one_that_is_too_large_are_refused(program: Program, settings):
    address, kind = "/api/v1/uploads", "application/json"
    assert refusal(program.client.post(address, "{", content_type=kind)) == (400, "bad_request")
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    assert refusal(program.client.post(address, "[" + "1," * 50, content_type=kind)) == (413, "too_large")


def doubtful(*header: str) -> bytes:
    """The file with more header; its REF still agrees with the reference."""
    first, rest = VCF.decode().split("\n", 1)
    return "\n".join([first, *header, rest]).encode()


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (b"BAM\x01" + bytes(100), "not_vcf", "This is not a VCF but a BAM file"),
        (VCF.replace(b"NC_045512.2", b"chr7"), "unknown_contigs", "the file has only chr7"),
    ],
    ids=["bam", "contigs"],
)
def test_a_file_that_cannot_be_annotated_is_refused_whatever_is_confirmed(
    content, code, words, program: Program, virus_reference: str
):
    upload_id = upload(program, content)
    for confirm in (False, True):
        answer = program.post("jobs", upload_id=upload_id, reference="virus", confirm=confirm, overwrite=confirm)
        assert refusal(answer) == (422, code)
        assert words in answer.json()["sentence"]
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    ("header", "code", "answer", "wrong_answer"),
    [
        ("##reference=hg19.fa", "header_disagrees", "confirm", "overwrite"),
        ('##INFO=<ID=CSQ,Number=.,Type=String,Description="x">', "annotated_before", "overwrite", "confirm"),
    ],
)
def test_a_doubtful_file_is_annotated_once_it_is_confirmed(
    header, code, answer, wrong_answer, program: Program, virus_reference: str
):
    asked = {"upload_id": upload(program, doubtful(header)), "reference": "virus"}
    for more in ({}, {wrong_answer: True}):
        refused = program.post("jobs", **asked, **more)
        assert refusal(refused) == (409, code)
        assert "confirm that" in refused.json()["sentence"]
    assert not Job.objects.exists()
    assert program.post("jobs", **asked, **{answer: True}).status_code == 201


def test_the_plan_holds_here_too(program: Program, virus_reference: str):
    Plan.objects.filter(code="free").update(max_open_jobs=1)
    answers = [program.post("jobs", upload_id=upload(program), reference="virus") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 409]
    assert refusal(answers[1]) == (409, "too_many_open_jobs")
    assert refusal(program.post("uploads", file_name="a", size_bytes=10**12)) == (413, "file_too_large")


def test_a_file_that_is_longer_or_shorter_than_announced_is_refused(program: Program):
    for content, code in ((VCF + b"more", (413, "file_differs")), (VCF[:20], (400, "upload_incomplete"))):
        ticket = program.post("uploads", file_name="x.vcf", size_bytes=len(VCF)).json()
        assert refusal(program.put(ticket["url"].removeprefix("http://testserver"), content)) == code


def test_nonsense_is_refused_in_json_too(program: Program):
    assert refusal(program.post("jobs", upload_id=str(uuid4()), reference="virus")) == (409, "upload_unknown")
    assert refusal(program.get("nothing/here")) == (404, "not_found")
    assert refusal(program.get("jobs?before=yesterday")) == (404, "not_found")
    assert refusal(program.get("jobs?status=lost")) == (422, "invalid")


def test_what_breaks_on_our_side_is_said_in_json_with_the_incident(user: User, monkeypatch):
    program = Program(user)
    program.client.raise_request_exception = False
    monkeypatch.setattr("annotations.access.jobs_of", lambda *_: 1 / 0)
    answer = program.get("jobs")
    assert answer.status_code == 500
    assert set(answer.json()) == {"code", "sentence", "incident"}


def test_tokens_are_gone_with_their_user(user: User, program: Program):
    assert ApiToken.objects.filter(user=user).exists()
    user.delete()
    assert refusal(program.get("jobs")) == (401, "unauthorized")
