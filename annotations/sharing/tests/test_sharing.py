from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from accounts.models import User
from accounts.tests.people import BACKEND
from annotations import access, erasure, exports, submission
from annotations.models import Job, Output, OutputKind, Result, Share, ShareOpening, StorageState
from annotations.sharing import granting, views
from gas import audit, clock, outbox
from gas.models import AuditEntry, OutboxMessage

pytestmark = pytest.mark.django_db
NOW = timedelta()


@pytest.fixture
def owner(person: User) -> User:
    person.name = "Ada Lovelace"
    person.save()
    return person


@pytest.fixture
def job(owner: User, virus_job: Job) -> Job:
    """A done job with its table, and a VCF of which a share could give away the bytes."""
    output = Output.objects.get(result__job=virus_job)
    Output.objects.create(
        result_id=virus_job.pk, kind=OutputKind.VCF, storage_key=output.storage_key, file_name="patient.vcf.gz",
        size_bytes=output.size_bytes, sha256=output.sha256,
    )  # fmt: skip
    return virus_job


@pytest.fixture
def reader(make_user: Any) -> User:
    user: User = make_user(email_confirmed_at=clock.database_now())
    user.name = "Bob"
    user.save()
    return user


def _signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend=BACKEND)
    return client


def _link(browser: Client, job: Job, **fields: Any) -> str:
    page = browser.post(f"/jobs/{job.pk}/shares/link", {"days": 14, **fields})
    found = re.search(r"/shared/[\w-]{43}/", page.content.decode())
    assert found, page.content.decode()
    return found.group()


def _pages(job: Job) -> dict[str, str]:
    at = f"/jobs/{job.pk}/"
    return {
        "job": at,
        "table": f"{at}explore/",
        "headline": f"{at}explore/headline",
        "counts": f"{at}explore/counts",
        "transcripts": f"{at}explore/transcripts/0",
        "variant": f"{at}variants/0/",
        "report": f"{at}report",
        "picture": f"{at}plots/consequences.svg",
    }


def test_whoever_has_the_link_sees_the_result_without_signing_in_and_the_secret_leaves_the_address(browser, job):
    reader = Client()
    answer = reader.get(_link(browser, job))
    assert answer.status_code == 302
    assert answer.headers["Location"] == f"/jobs/{job.pk}/"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    for name, address in _pages(job).items():
        assert reader.get(address).status_code == 200, name
    assert "Ada Lovelace shares this result with you" in reader.get(f"/jobs/{job.pk}/").content.decode()


def test_only_a_digest_of_the_link_is_stored(browser, job):
    token = _link(browser, job).split("/")[2]
    share = Share.objects.get()
    assert share.digest
    assert token not in str(Share.objects.values().get())
    assert token not in str(list(AuditEntry.objects.values()))


def test_a_share_is_of_one_result_and_another_browser_has_none(browser, job, owner, make_done):
    other, reader = make_done({}), Client()
    reader.get(_link(browser, job))
    assert reader.get(f"/jobs/{other.pk}/").headers["Location"].startswith("/accounts/sign-in/")
    assert Client().get(f"/jobs/{job.pk}/").headers["Location"].startswith("/accounts/sign-in/")


def test_a_link_can_ask_for_a_sign_in_first(browser, job, reader):
    link = _link(browser, job, needs_sign_in="on")
    client = Client()
    client.get(link)
    answer = client.get(f"/jobs/{job.pk}/")
    assert answer.headers["Location"] == f"/accounts/sign-in/?next=/jobs/{job.pk}/"
    assert access.SIGN_IN_TO_SEE in client.get(answer.headers["Location"]).content.decode()
    assert not ShareOpening.objects.exists(), "nobody has seen anything yet"
    client.force_login(reader, backend=BACKEND)
    client.get(link)
    assert client.get(f"/jobs/{job.pk}/").status_code == 200
    assert ShareOpening.objects.get().reader == reader


@pytest.mark.parametrize("end", ["revoke", "expire", "suspend"])
def test_a_share_that_ended_opens_nothing_and_says_so_where_it_was_open(browser, job, owner, end):
    link, reader = _link(browser, job), Client()
    reader.get(link)
    share = Share.objects.get()
    if end == "revoke":
        browser.post(f"/jobs/{job.pk}/shares/{share.pk}/revoke")
    elif end == "expire":
        Share.objects.update(expires_at=clock.from_now(-timedelta(seconds=1)))
    else:
        User.objects.filter(pk=owner.pk).update(is_active=False)
    for client, addresses in ((reader, [link, *_pages(job).values()]), (Client(), [link])):
        for address in addresses:
            answer = client.get(address)
            assert answer.status_code == 404
            assert b"the link has expired, was revoked" in answer.content


def test_deleting_the_job_ends_its_shares(browser, job, owner):
    link = _link(browser, job)
    submission.delete_job(owner, job)
    assert Client().get(link).status_code == 404
    assert not Share.objects.exists()


def test_files_are_given_only_where_the_owner_allows_it(browser, job):
    at = f"/jobs/{job.pk}/"
    files = [f"{at}download/vcf", f"{at}download/parquet", f"{at}genome/vcf"]
    looking, taking = Client(), Client()
    looking.get(_link(browser, job))
    taking.get(_link(browser, job, allows_downloads="on"))
    assert [looking.get(file).status_code for file in files] == [404, 404, 404]
    assert b"not download its files" in looking.get(at).content
    assert looking.get(f"{at}genome/").status_code == 302
    assert [taking.get(file).status_code for file in files] == [200, 200, 200]
    assert b"download/vcf" in taking.get(at).content
    entry = AuditEntry.objects.filter(action="download output").first()
    assert entry is not None
    assert entry.actor == ""
    assert entry.detail["share"]


def test_a_reader_changes_nothing_and_learns_nothing_of_the_owners_account(browser, job, owner, reader):
    link = _link(browser, job, allows_downloads="on")
    Output.objects.create(result_id=job.pk, kind=OutputKind.LOG, storage_key="l", file_name="l", size_bytes=1)
    for client in (Client(), _signed_in(reader)):
        client.get(link)
        for name in ("cancel", "delete", "again", "shares/link", "shares/person", "explore/downloads", "restore"):
            answer = client.post(f"/jobs/{job.pk}/{name}", {"days": 14, "kind": "tsv"})
            assert answer.status_code == 404 or answer.headers["Location"].startswith("/accounts/sign-in/"), name
        for name in ("input", "download/log"):
            answer = client.get(f"/jobs/{job.pk}/{name}")
            assert answer.status_code == 404 or answer.headers["Location"].startswith("/accounts/sign-in/"), name
        for address in _pages(job).values():
            text = client.get(address).content.decode()
            assert owner.email not in text
            assert "/delete" not in text
            assert "/again" not in text
            assert "/shares/" not in text
    assert Job.objects.filter(pk=job.pk).exists()


def test_the_genome_of_a_shared_result_can_be_read_without_signing_in(browser, job):
    taking, looking = Client(), Client()
    taking.get(_link(browser, job, allows_downloads="on"))
    reference = f"/references/{job.reference_name}/sequence.fa.fai"
    assert taking.get(reference).status_code == 200
    assert looking.get(reference).status_code == 302
    assert taking.get("/references/another/sequence.fa.fai").status_code == 302


def test_an_archived_result_says_so_to_its_readers(browser, job):
    reader = Client()
    reader.get(_link(browser, job, allows_downloads="on"))
    Result.objects.filter(job=job).update(storage=StorageState.COLD)
    page = reader.get(f"/jobs/{job.pk}/").content.decode()
    assert "are in the archive" in page
    assert "Bring them back" not in page
    assert "See the plans" not in page
    assert b"when their owner has brought them back" in reader.get(f"/jobs/{job.pk}/explore/").content
    assert reader.get(f"/jobs/{job.pk}/download/vcf").status_code == 409


def _invite(browser: Client, job: Job, email: str) -> Any:
    return browser.post(f"/jobs/{job.pk}/shares/person", {"email": email, "days": 7})


def test_who_is_named_gets_a_mail_finds_the_result_in_a_list_and_sees_it(browser, job, reader):
    _invite(browser, job, reader.email.upper())
    _send_mails()
    sent = mail.outbox[-1]
    assert sent.to == [reader.email]
    assert "Ada Lovelace" in sent.subject
    assert f"/jobs/{job.pk}/" in sent.body
    assert "patient" not in sent.body, "the name of the file may name a patient"
    client = _signed_in(reader)
    assert "/jobs/shared" in client.get("/jobs/").content.decode()
    assert job.name in client.get("/jobs/shared").content.decode()
    for name, address in _pages(job).items():
        assert client.get(address).status_code == 200, name
    page = browser.get(f"/jobs/{job.pk}/").content.decode()
    assert "Opened 1 time" in page
    assert "Bob" in page


def test_the_owner_cannot_tell_by_an_invitation_whether_there_is_an_account(browser, job, reader):
    def told(email: str) -> str:
        """The box, without what differs from one share to the next."""
        _invite(browser, job, email)
        page = browser.get(f"/jobs/{job.pk}/").content.decode()
        box = page[page.index('id="sharing"') : page.index("Share by a link")]
        return re.sub(r"<time.*?</time>|[\w-]{32,}|[\w.-]+@example.org", "", box)

    with_account = told(reader.email)
    Share.objects.all().delete()
    assert told("nobody-has-this@example.org") == with_account
    _send_mails()
    assert [message.to for message in mail.outbox] == [["nobody-has-this@example.org"]]


def test_a_share_by_name_is_for_the_proved_address_and_follows_the_account_from_the_first_look(browser, job, make_user):
    stranger, unproved = make_user(email_confirmed_at=clock.database_now()), make_user()
    _invite(browser, job, unproved.email)
    at = f"/jobs/{job.pk}/"
    assert _signed_in(stranger).get(at).status_code == 404
    assert _signed_in(unproved).get(at).status_code == 404
    User.objects.filter(pk=unproved.pk).update(email_confirmed_at=clock.database_now())
    assert _signed_in(unproved).get(at).status_code == 200
    old = unproved.email
    User.objects.filter(pk=unproved.pk).update(email="moved@example.org")
    User.objects.filter(pk=stranger.pk).update(email=old)
    assert _signed_in(unproved).get(at).status_code == 200
    assert _signed_in(stranger).get(at).status_code == 404, "the address belongs to somebody else by now"


def test_each_opening_is_written_down_once_and_pages_read_on_are_none(browser, job, monkeypatch):
    link, first, second = _link(browser, job), Client(), Client()
    for client in (first, second):
        client.get(link)
        client.get(f"/jobs/{job.pk}/")
        client.get(f"/jobs/{job.pk}/explore/")
    assert ShareOpening.objects.count() == 1, "within the same minute"
    ShareOpening.objects.update(at=clock.from_now(-timedelta(minutes=2)))
    second.get(link)
    assert ShareOpening.objects.count() == 2
    assert "Opened 2 times" in browser.get(f"/jobs/{job.pk}/").content.decode()
    assert AuditEntry.objects.filter(action="open share").count() == 2


def test_what_cannot_be_shared_says_why_and_keeps_what_was_typed(browser, job, owner):
    own = _invite(browser, job, owner.email)
    assert own.status_code == 422
    assert b"your own address" in own.content
    _invite(browser, job, "bob@example.org")
    assert b"shared with this address already" in _invite(browser, job, "Bob@example.org").content
    wrong = browser.post(f"/jobs/{job.pk}/shares/person", {"email": "no address", "days": 7})
    assert b"no address" in wrong.content
    assert browser.post(f"/jobs/{job.pk}/shares/link", {"days": 5000}).status_code == 422
    assert Share.objects.count() == 1


def test_a_job_without_a_result_is_not_shared(browser, owner, make_job):
    waiting = make_job(owner)
    answer = browser.post(f"/jobs/{waiting.pk}/shares/link", {"days": 14})
    assert b"Only a finished job" in answer.content
    assert not Share.objects.exists()


def test_shares_are_bounded(browser, job, monkeypatch):
    monkeypatch.setattr(granting, "MAX_LIVE", 1)
    _link(browser, job)
    assert b"Revoke one" in browser.post(f"/jobs/{job.pk}/shares/link", {"days": 14}).content
    assert Share.objects.count() == 1


def test_an_erased_reader_leaves_no_address_behind_and_an_erased_owner_no_share(browser, job, owner, reader):
    _invite(browser, job, reader.email)
    link = _link(browser, job)
    _signed_in(reader).get(link)
    erasure.erase(reader)
    assert [share.is_link for share in Share.objects.all()] == [True]
    reader.delete()
    assert ShareOpening.objects.get().reader is None
    erasure.erase(owner)
    assert not Share.objects.exists()


def test_my_data_has_the_shares_and_what_was_opened(browser, job, owner, reader):
    _invite(browser, job, reader.email)
    _signed_in(reader).get(f"/jobs/{job.pk}/")
    assert [row["email"] for row in exports.shares(owner)] == [reader.email]
    assert len(list(exports.share_openings(reader))) == 1
    assert not list(exports.shares(reader))


def test_what_ended_long_ago_is_forgotten(browser, job):
    _link(browser, job)
    granting.forget_ended()
    assert Share.objects.exists()
    Share.objects.update(expires_at=clock.from_now(-timedelta(days=91)))
    granting.forget_ended()
    assert not Share.objects.exists()


def test_making_revoking_and_opening_are_in_the_audit_log(browser, job, owner):
    link = _link(browser, job)
    Client().get(link)
    browser.post(f"/jobs/{job.pk}/shares/{Share.objects.get().pk}/revoke")
    mine = AuditEntry.objects.filter(target=f"job:{job.pk}", actor=audit.pseudonym(owner))
    assert list(mine.order_by("pk").values_list("action", flat=True)) == ["make share", "revoke share"]
    assert AuditEntry.objects.filter(action="open share", actor="").exists()


def _send_mails() -> None:
    for message_id in OutboxMessage.objects.filter(kind=granting.SHARED).values_list("pk", flat=True):
        assert outbox.deliver(message_id)


def test_where_nothing_may_be_public_a_link_of_before_asks_for_a_sign_in_and_a_new_one_cannot_do_without(
    browser, job, reader, settings
):
    before = _link(browser, job)
    visitor = Client()
    visitor.get(before)
    assert visitor.get(f"/jobs/{job.pk}/").status_code == 200
    reference = f"/references/{job.reference_name}/sequence.fa"

    settings.PUBLIC_LINKS = False
    for somebody in (visitor, Client()):
        somebody.get(before)
        for address in (*_pages(job).values(), reference):
            assert "/accounts/sign-in/" in somebody.get(address).headers["Location"]
    assert ShareOpening.objects.count() == 1  # of the time when it opened
    visitor.force_login(reader, backend=BACKEND)
    visitor.get(before)
    assert visitor.get(f"/jobs/{job.pk}/").status_code == 200

    views._blank_fields.cache_clear()
    page = browser.get(f"/jobs/{job.pk}/").content.decode()
    views._blank_fields.cache_clear()
    assert "They must sign in" not in page
    assert "after signing in" in page
    assert "without signing in" not in page.partition("Who opened it")[0]
    _link(browser, job, needs_sign_in="")
    assert Share.objects.order_by("-created_at")[0].needs_sign_in
