from __future__ import annotations

from datetime import date

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from accounts.tests.people import sign_in_staff
from annotations.models import OutputKind, StorageState
from archival import costs, ledger, overview, sweep
from archival.models import ColdCopy, Operation
from archival.tests.conftest import CONTENTS, go_cold, state
from gas.clock import database_now

pytestmark = pytest.mark.django_db

CHANGELIST = "admin:archival_storedresult_changelist"


@pytest.fixture
def staff(client) -> User:
    admin = User.objects.create_superuser("admin@example.org", "a long password indeed")
    sign_in_staff(client, admin)
    return admin


def this_month() -> date:
    return database_now().date().replace(day=1)


def act(client, action: str, *results) -> None:
    client.post(reverse(CHANGELIST), {"action": action, "_selected_action": [result.pk for result in results]})


def test_an_admin_archives_and_asks_back_anybodys_result(client, staff, result):
    act(client, "archive", result)
    assert state(result) == StorageState.ARCHIVING
    sweep.sweep()
    act(client, "ask_back", result)
    assert state(result) == StorageState.RESTORING


def test_the_list_of_results_costs_the_same_for_many(client, staff, user, make_result, django_assert_num_queries):
    go_cold(make_result(user))
    with CaptureQueriesContext(connection) as few:
        client.get(reverse(CHANGELIST))
    for _ in range(4):
        go_cold(make_result(user))
    with django_assert_num_queries(len(few)):
        client.get(reverse(CHANGELIST))


def test_results_are_found_by_id_and_by_address(client, staff, user, result):
    for term in (str(result.pk), user.email[:6]):
        assert user.email in client.get(reverse(CHANGELIST), {"q": term}).content.decode()
    assert user.email not in client.get(reverse(CHANGELIST), {"q": "nobody"}).content.decode()


def test_nobody_but_the_staff_sees_costs(client, user):
    client.force_login(user)
    assert client.get(reverse("admin:archival_costs")).status_code == 302


def test_staff_without_the_right_to_see_results_see_no_costs(client, make_user, result):
    clerk = make_user(is_staff=True)
    sign_in_staff(client, clerk)
    assert client.get(reverse("admin:archival_costs")).status_code == 403
    clerk.user_permissions.add(Permission.objects.get(codename="view_storedresult"))
    assert client.get(reverse("admin:archival_costs")).status_code == 200


def test_the_costs_page_shows_bytes_requests_and_fees_by_user_and_in_all(client, staff, user, result):
    go_cold(result)
    text = client.get(reverse("admin:archival_costs")).content.decode()
    assert user.email in text
    assert "Copies to the cold store" in text
    assert "GLACIER bills at least 90 days" in text


def test_the_start_page_counts_bytes_as_plans_do(result):
    result.outputs.filter(kind=OutputKind.VCF).update(size_bytes=5_000_000)
    ((_, number, large, _),) = overview._measure()
    assert (number, large.split("\N{NO-BREAK SPACE}")) == ("1", ["5", "MB"])


def test_bytes_are_counted_where_they_lie(user, make_user, make_result):
    archived = make_result(user)
    sent = archived.job.upload.size_bytes
    go_cold(archived)
    make_result(make_user())
    small = len(CONTENTS[OutputKind.SUMMARY]) + len(CONTENTS[OutputKind.LOG])
    whole = sum(len(content) for content in CONTENTS.values())
    mine = costs.of_month(this_month(), [user.pk])
    assert (mine.hot_bytes, mine.cold_bytes) == (sent + small, {"LOCAL": whole - small})
    assert costs.of_month(this_month()).hot_bytes == sent + small + sent + whole
    assert costs.largest_owners(5) == [user]


def test_the_estimate_is_storage_requests_and_early_deletions_times_prices(user, result, settings):
    settings.PRICES = {
        "hot_gb_month": 0,
        "glacier_gb_month": 3.0,
        "archive_1000": 0.5,
        "expedited_1000": 10.0,
        "expedited_gb": 2.0,
        "look_1000": 0,
        "return_1000": 0,
    }
    go_cold(result)
    ColdCopy.objects.update(storage_class="GLACIER", size_bytes=1_000_000_000)
    stored = 3 * 3.0
    ledger.record(
        [
            ledger.Entry(user.pk, Operation.ARCHIVE, "GLACIER", requests=2000),
            ledger.Entry(user.pk, Operation.EXPEDITED, "GLACIER", requests=100, size_bytes=3_000_000_000),
            ledger.Entry(user.pk, Operation.EARLY_DELETION, "GLACIER", byte_days=60_000_000_000),
        ]
    )
    found = costs.of_month(this_month())
    assert found.early_deletion == pytest.approx(6.0)
    assert found.dollars == pytest.approx(stored + 1.0 + (1.0 + 6.0) + 6.0)
