from datetime import UTC, datetime, timedelta

import pytest
from django.db.models.functions import Now

from gas.clock import database_now, from_now
from gas.models import SweepRun

pytestmark = pytest.mark.django_db


def test_the_databases_time_is_aware_and_near_ours_on_this_machine():
    now = database_now()

    assert now.tzinfo is UTC
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=5)


def test_from_now_lies_in_the_future_of_the_database():
    SweepRun.objects.create(name="a", running_until=from_now(timedelta(seconds=60)))
    SweepRun.objects.create(name="b", running_until=from_now(timedelta(seconds=-60)))

    assert [row.name for row in SweepRun.objects.filter(running_until__gt=Now())] == ["a"]
    until = SweepRun.objects.get(name="a").running_until
    assert until
    assert timedelta(seconds=55) < until - database_now() <= timedelta(seconds=60)
