from __future__ import annotations

import re
import threading
from time import time

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client, RequestFactory
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models import RecoveryCode, User
from accounts.security import fresh, second_factor
from accounts.tests.conftest import PASSWORD, sent_mails
from gas.models import AuditEntry

pytestmark = pytest.mark.django_db
SET_UP = "/accounts/security/second-factor/set-up/"
ASK = "/accounts/security/second-factor/"


def code_of(user: User, steps: int = 0) -> str:
    """What the user's app shows now, or some steps of 30 s later."""
    device = TOTPDevice.objects.get(user=user)
    totp = TOTP(device.bin_key, device.step, device.t0, device.digits)
    totp.time = time() + steps * 30
    return f"{totp.token():06d}"


def sign_in(client: Client, user: User):
    return client.post("/accounts/sign-in/", {"username": user.email, "password": PASSWORD})


def turn_on(client: Client, user: User) -> list[str]:
    """Set the factor up by the pages; the recovery codes."""
    sign_in(client, user)
    client.get(SET_UP)
    # The code of the step before, so that the one of now is still unused.
    page = client.post(SET_UP, {"code": code_of(user, -1)}).content.decode()
    return re.findall(r"<code>((?:[0-9a-f]{5}-){3}[0-9a-f]{5})</code>", page)


def test_a_factor_is_set_up_with_its_first_code_and_ten_recovery_codes(client: Client, user: User):
    sign_in(client, user)
    picture = client.get("/accounts/security/second-factor/picture.svg")
    assert picture.headers["Content-Type"] == "image/svg+xml"
    assert b"<svg" in picture.content
    assert b"does not fit" in client.post(SET_UP, {"code": "000000"}).content
    user.refresh_from_db()
    assert user.second_factor is None
    TOTPDevice.objects.update(throttling_failure_count=0)

    codes = turn_on(client, user)
    assert len(set(codes)) == 10
    stored = " ".join(RecoveryCode.objects.values_list("digest", flat=True))
    assert not any(code.replace("-", "") in stored for code in codes)
    assert client.get("/jobs/").status_code == 200


@pytest.mark.parametrize(
    "address",
    ["/jobs/", "/jobs/new", "/accounts/profile/", "/accounts/security/", "/accounts/password/change/", "/admin/"],
)
def test_every_page_waits_for_the_second_factor(address: str, client: Client, user: User):
    turn_on(client, user)
    other = Client()
    sign_in(other, user)
    response = other.get(address)
    assert response.status_code == 302
    assert response.headers["Location"].startswith(ASK + "?next=")
    assert other.post("/uploads/", {"file_name": "a.vcf", "size_bytes": 1}).headers["Location"] == ASK


def test_the_right_code_opens_the_way_back_and_changes_the_session_key(client: Client, user: User):
    turn_on(client, user)
    other = Client()
    sign_in(other, user)
    before = other.cookies["sessionid"].value
    assert b"does not fit" in other.post(ASK, {"code": "123456"}).content
    TOTPDevice.objects.update(throttling_failure_count=0)
    assert other.post(ASK, {"code": code_of(user), "next": "/accounts/plan/"}).headers["Location"] == "/accounts/plan/"
    assert other.get("/accounts/plan/").status_code == 200
    assert other.cookies["sessionid"].value != before


def test_the_way_back_stays_on_this_service(client: Client, user: User):
    turn_on(client, user)
    other = Client()
    sign_in(other, user)
    assert other.post(ASK, {"code": code_of(user), "next": "https://evil.example/"}).headers["Location"] == "/jobs/"


def test_a_code_works_once(client: Client, user: User):
    turn_on(client, user)
    code = code_of(user)
    first, second = Client(), Client()
    for browser in (first, second):
        sign_in(browser, user)
    assert first.post(ASK, {"code": code}).status_code == 302
    assert second.post(ASK, {"code": code}).status_code == 200
    assert second.get("/jobs/").headers["Location"].startswith(ASK)


def test_after_wrong_codes_even_the_right_one_waits(client: Client, user: User):
    turn_on(client, user)
    other = Client()
    sign_in(other, user)
    for _ in range(3):
        other.post(ASK, {"code": "000000"})
    assert other.post(ASK, {"code": code_of(user)}).status_code == 200
    assert other.get("/jobs/").status_code == 302


def test_a_recovery_code_works_once_with_any_dashes_and_case(client: Client, user: User):
    codes = turn_on(client, user)
    for browser, works in ((Client(), True), (Client(), False)):
        sign_in(browser, user)
        browser.post(ASK, {"code": codes[0].upper().replace("-", " ")})
        assert (browser.get("/jobs/").status_code == 200) is works
    assert second_factor.codes_left(user) == 9


def test_new_recovery_codes_end_the_old_ones(client: Client, user: User):
    old = turn_on(client, user)
    page = client.post("/accounts/security/second-factor/codes/").content.decode()
    new = re.findall(r"<code>((?:[0-9a-f]{5}-){3}[0-9a-f]{5})</code>", page)
    assert len(new) == 10
    assert not set(new) & set(old)
    other = Client()
    sign_in(other, user)
    other.post(ASK, {"code": old[0]})
    assert other.get("/jobs/").status_code == 302


def test_the_way_on_from_the_codes_is_where_the_user_was_going(client: Client, user: User):
    sign_in(client, user)
    client.get(SET_UP)
    page = client.post(f"{SET_UP}?next=/accounts/plan/", {"code": code_of(user)}).content.decode()
    assert '<a class="button main" href="/accounts/plan/">I have kept them</a>' in page


def test_an_operator_turns_it_off_with_a_reason_and_the_user_is_told(client: Client, user: User):
    turn_on(client, user)
    for arguments in (["nobody@example.org", "lost"], [user.email, " "]):
        with pytest.raises(CommandError):
            call_command("second_factor_off", *arguments)
    call_command("second_factor_off", user.email.upper(), "lost the phone, called by telephone")
    user.refresh_from_db()
    assert user.second_factor is None
    assert sent_mails()[-1].subject == "The second factor of your GAS account is off"
    noted = AuditEntry.objects.get(action="second_factor.off_by_operator")
    assert noted.detail == {"reason": "lost the phone, called by telephone"}
    assert client.get("/jobs/").status_code == 200


def test_another_factor_sends_all_sessions_through_it_again(client: Client, user: User):
    turn_on(client, user)
    client.post("/accounts/security/second-factor/off/")
    assert client.get("/jobs/").status_code == 200
    other = Client()
    sign_in(other, user)
    client.get(SET_UP)
    TOTPDevice.objects.update(throttling_failure_count=0)
    client.post(SET_UP, {"code": code_of(user)})
    assert client.get("/jobs/").status_code == 200
    assert other.get("/jobs/").headers["Location"].startswith(ASK)


@pytest.mark.parametrize("address", ["/jobs/", "/admin/", "/accounts/profile/"])
def test_staff_must_set_one_up_whatever_way_they_came_in(address: str, make_user):
    staff = make_user(is_staff=True, is_superuser=True)
    by_page, by_admin, by_backend = Client(), Client(), Client()
    sign_in(by_page, staff)
    by_admin.post("/admin/login/?next=/admin/", {"username": staff.email, "password": PASSWORD, "next": "/admin/"})
    by_backend.force_login(staff, backend="django.contrib.auth.backends.ModelBackend")
    for browser in (by_page, by_admin, by_backend):
        assert "_auth_user_id" in browser.session
        assert browser.get(address).headers["Location"].startswith(SET_UP + "?next=")


def test_staff_with_a_factor_reach_the_admin_only_after_it(client: Client, make_user):
    staff = make_user(is_staff=True, is_superuser=True)
    turn_on(client, staff)
    assert client.get("/admin/").status_code == 200
    other = Client()
    sign_in(other, staff)
    assert other.get("/admin/").headers["Location"].startswith(ASK)


def test_probes_and_the_way_out_stay_open(client: Client, user: User):
    turn_on(client, user)
    other = Client()
    sign_in(other, user)
    assert other.get("/healthz").status_code == 200
    assert other.post("/accounts/sign-out/").headers["Location"] == "/"


def test_what_changes_the_safety_of_the_account_asks_for_the_password_again(client: Client, user: User):
    sign_in(client, user)
    client.get("/jobs/")
    session = client.session
    session[fresh.PROVED] -= fresh.FRESH_SECONDS
    session.save()
    prove = client.get(SET_UP).headers["Location"]
    assert prove.startswith("/accounts/security/prove/?next=")
    for address in ("second-factor/off/", "second-factor/codes/", "tokens/"):
        assert client.post(f"/accounts/security/{address}").headers["Location"].startswith("/accounts/security/prove/")
    assert b"not your password" in client.post(prove, {"password": "wrong", "next": SET_UP}).content
    assert client.post(prove, {"password": PASSWORD, "next": SET_UP}).headers["Location"] == SET_UP
    assert client.get(SET_UP).status_code == 200


def test_guessing_the_password_there_pauses_as_sign_in_does(client: Client, user: User):
    sign_in(client, user)
    for _ in range(5):
        last = client.post("/accounts/security/prove/", {"password": "wrong"})
    assert last.status_code == 429


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_one_code_sent_twice_at_the_same_moment_passes_once(client: Client, user: User):
    turn_on(client, user)
    user.refresh_from_db()
    code, start, passed = code_of(user), threading.Barrier(4), []

    def send() -> None:
        request = RequestFactory().post(ASK)
        request.session = Client().session
        start.wait()
        try:
            passed.append(second_factor.passes(request, user, code))
        finally:
            connection.close()

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(passed) == [False, False, False, True]
