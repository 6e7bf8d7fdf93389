from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts import amounts, invariants, plans, sweep
from accounts.models import Plan, PlanCode, TakeOut, User
from accounts.tests.people import sign_in_staff
from gas.models import AuditEntry, OutboxMessage

pytestmark = pytest.mark.django_db


def promised(user: User) -> list[str]:
    rows = OutboxMessage.objects.filter(kind="plan_changed", payload={"user": str(user.pk)})
    return list(rows.values_list("dedupe_key", flat=True))


def test_the_migration_seeds_both_plans_from_the_settings(user: User):
    limits = plans.limits(user)
    assert (limits.max_file_bytes, limits.max_open_jobs) == (25_000_000, 10)
    assert limits.hot_retention == timedelta(days=7)
    premium = plans.limits_of_plan(Plan.objects.get(code=PlanCode.PREMIUM))
    assert (premium.max_file_bytes, premium.max_open_jobs, premium.hot_retention) == (5_000_000_000, 50, None)


def test_a_changed_row_counts_at_once(user: User):
    Plan.objects.filter(code=PlanCode.FREE).update(max_open_jobs=3)
    assert plans.limits(user).max_open_jobs == 3


def test_a_variable_that_is_set_goes_before_the_row_but_not_on_aws(user: User, monkeypatch, settings):
    monkeypatch.setenv("GAS_FREE_MAX_OPEN_JOBS", "7")
    settings.PLANS = {
        **settings.PLANS,
        "free": settings.PLANS["free"] | {"max_open_jobs": ("GAS_FREE_MAX_OPEN_JOBS", 7)},
    }
    Plan.objects.filter(code=PlanCode.FREE).update(max_open_jobs=3)
    assert plans.limits(user).max_open_jobs == 7
    settings.IS_AWS = True
    assert plans.limits(user).max_open_jobs == 3


def test_an_admin_sets_the_plan_with_a_reason_once_audited_and_promised(user: User, admin: User):
    assert plans.override(user.pk, "premium", "pilot project", by=admin)
    user.refresh_from_db()
    assert user.is_premium
    assert len(promised(user)) == 1
    entry = AuditEntry.objects.get(action="plan.set")
    assert entry.detail == {"plan": "premium", "reason": "pilot project"}
    assert str(admin.pk) not in entry.actor
    assert admin.email not in str(entry.actor)


def test_the_same_plan_again_promises_nothing(user: User, admin: User):
    plans.override(user.pk, "premium", "pilot project", by=admin)
    assert not plans.override(user.pk, "premium", "extended", by=admin)
    assert len(promised(user)) == 1


def test_a_plan_is_not_set_without_a_reason(user: User, admin: User):
    with pytest.raises(ValueError, match="reason"):
        plans.override(user.pk, "premium", "  ", by=admin)
    user.refresh_from_db()
    assert not user.is_premium


def test_there_and_back_again_are_two_changes(user: User, admin: User):
    plans.override(user.pk, "premium", "pilot project", by=admin)
    plans.override(user.pk, "", "the pilot is over", by=admin)
    user.refresh_from_db()
    assert user.plan_code == PlanCode.FREE
    assert len(promised(user)) == 2


def test_the_sweep_ends_what_an_admin_set_when_its_time_is_up(user: User, admin: User):
    plans.override(user.pk, "premium", "a month", by=admin, until=timezone.now() + timedelta(days=30))
    sweep.sweep()
    user.refresh_from_db()
    assert user.is_premium
    User.objects.filter(pk=user.pk).update(plan_override_until=timezone.now() - timedelta(seconds=1))
    sweep.sweep()
    user.refresh_from_db()
    assert user.plan_code == PlanCode.FREE


def test_storage_that_is_away_keeps_no_plan_beyond_its_time(user: User, admin: User, monkeypatch):
    plans.override(user.pk, "premium", "a month", by=admin, until=timezone.now() + timedelta(days=30))
    User.objects.filter(pk=user.pk).update(plan_override_until=timezone.now() - timedelta(seconds=1))
    over = timezone.now() - timedelta(seconds=1)
    TakeOut.objects.create(user=user, requested_at=over, expires_at=over)

    class AwayError(Exception):
        pass

    def away():
        raise AwayError

    monkeypatch.setattr("accounts.takeout.work.area", away)
    with pytest.raises(AwayError):
        sweep.sweep()
    user.refresh_from_db()
    assert user.plan_code == PlanCode.FREE


def test_a_plan_that_follows_from_nothing_is_a_broken_invariant(user: User):
    assert list(invariants.plan_follows(deep=False)) == []
    User.objects.filter(pk=user.pk).update(plan_code=PlanCode.PREMIUM)
    assert list(invariants.plan_follows(deep=False)) == [f"User {user.pk} has the plan premium, but free follows."]


def edit(client: Client, user: User, **changes: str):
    form = {"name": user.name, "institution": "", "is_active": "on", "plan_override": "", "plan_override_reason": ""}
    return client.post(f"/admin/accounts/user/{user.pk}/change/", form | changes)


def test_the_admin_page_refuses_a_plan_without_a_new_reason(client: Client, user: User, admin: User):
    sign_in_staff(client, admin)
    assert b"Say why the plan changes" in edit(client, user, plan_override="premium").content
    assert edit(client, user, plan_override="premium", plan_override_reason="pilot").status_code == 302
    user.refresh_from_db()
    assert user.is_premium
    stale = edit(client, user, plan_override="free", plan_override_reason="pilot")
    assert b"Say why the plan changes" in stale.content


def test_staff_without_all_rights_cannot_make_themselves_superusers(client: Client, make_user):
    from django.contrib.auth.models import Permission

    helper = make_user(is_staff=True)
    helper.user_permissions.set(Permission.objects.filter(codename__in=["change_user", "view_user"]))
    sign_in_staff(client, helper)
    response = edit(client, helper, is_staff="on", is_superuser="on")
    helper.refresh_from_db()
    assert response.status_code == 403
    assert not helper.is_superuser


def test_the_admin_says_which_figures_the_environment_sets(client: Client, admin: User, monkeypatch):
    monkeypatch.setenv("GAS_FREE_MAX_OPEN_JOBS", "10")
    sign_in_staff(client, admin)
    assert b"GAS_FREE_MAX_OPEN_JOBS" in client.get("/admin/accounts/plan/").content


def test_the_list_of_users_costs_the_same_however_many_there_are(
    client: Client, admin: User, make_user, django_assert_num_queries
):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    sign_in_staff(client, admin)
    client.get("/admin/")
    with CaptureQueriesContext(connection) as few:
        client.get("/admin/accounts/user/")
    for _ in range(30):
        make_user()
    with django_assert_num_queries(len(few)):
        assert client.get("/admin/accounts/user/").status_code == 200


def test_the_plan_page_shows_both_plans(client: Client, user: User):
    client.force_login(user)
    page = client.get("/accounts/plan/").content.decode().replace("\N{NO-BREAK SPACE}", " ")
    assert "You are on the Free plan" in page
    assert "25 MB" in page
    assert "5 GB" in page


PLAN = {
    "max_file_bytes": "25 MB",
    "max_open_jobs": "10",
    "max_jobs_per_day": "50",
    "max_storage_bytes": "2 GB",
    "hot_retention_seconds": "7 days",
    "input_retention_seconds": "30 days",
}


def test_an_admin_reads_and_writes_plans_in_units_of_people(client: Client, admin: User):
    sign_in_staff(client, admin)
    listed = client.get("/admin/accounts/plan/").content.decode()
    page = client.get("/admin/accounts/plan/free/change/").content.decode()
    for shown in ("25 MB", "2 GB", "7 days"):
        assert f'value="{shown}"' in page
        assert f">{shown}</td>" in listed

    assert client.post("/admin/accounts/plan/free/change/", PLAN | {"max_file_bytes": "1.5 gb"}).status_code == 302
    assert client.post("/admin/accounts/plan/premium/change/", PLAN | {"hot_retention_seconds": ""}).status_code == 302

    free, premium = Plan.objects.get(code="free"), Plan.objects.get(code="premium")
    assert (free.max_file_bytes, free.hot_retention_seconds) == (1_500_000_000, 7 * 86_400)
    assert premium.hot_retention_seconds is None


@pytest.mark.parametrize(
    ("column", "typed", "said"),
    [
        ("max_file_bytes", "25", "Write a number and a unit (bytes, kB, MB, GB, TB), for example 25 MB or 1.5 GB."),
        ("max_file_bytes", "25 days", "Write a number and a unit (bytes, kB, MB, GB, TB)"),
        ("max_file_bytes", "0 MB", "Write an amount of at least 1 byte"),
        ("max_file_bytes", "0.5 bytes", "Write a whole number of bytes."),
        ("max_file_bytes", "3 GB", "A file of this size would not fit into the storage."),
        ("max_storage_bytes", "99999999999 TB", "not astronomical"),
        ("input_retention_seconds", "59 seconds", "Write an amount of at least 1 minute"),
        ("hot_retention_seconds", "-7 days", "Write a number and a unit (seconds, minutes, hours, days)"),
        ("max_open_jobs", "0", "Ensure this value is greater than or equal to 1."),
    ],
)
def test_figures_that_make_no_sense_are_refused_with_what_to_write(client: Client, admin: User, column, typed, said):
    sign_in_staff(client, admin)
    answer = client.post("/admin/accounts/plan/free/change/", PLAN | {column: typed})

    assert said in answer.content.decode()
    assert f'value="{typed}"' in answer.content.decode()


@pytest.mark.parametrize(
    ("amount", "units", "text"),
    [
        (25_000_000, amounts.BYTES, "25 MB"),
        (1_500_000_000, amounts.BYTES, "1.5 GB"),
        (25_600_123, amounts.BYTES, "25600.123 kB"),
        (1_000_000_000_000, amounts.BYTES, "1 TB"),
        (1, amounts.BYTES, "1 byte"),
        (86_400, amounts.TIMES, "1 day"),
        (129_600, amounts.TIMES, "1.5 days"),
        (90_001, amounts.TIMES, "90001 seconds"),
    ],
)
def test_an_amount_is_written_so_that_reading_it_gives_the_same(amount, units, text):
    field = amounts.BytesField() if units is amounts.BYTES else amounts.TimeField()

    assert amounts.written(amount, units) == text
    assert field.clean(text) == amount
