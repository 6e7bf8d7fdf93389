from datetime import timedelta
from smtplib import SMTPRecipientsRefused

import pytest
from django.db import connection, transaction
from django.db.models import F

from gas import doorbell, metrics, outbox, overview, registry
from gas.clock import database_now
from gas.models import OutboxMessage, OutboxStatus

pytestmark = pytest.mark.django_db


@pytest.fixture
def handled(monkeypatch):
    """A handler of the kind "note" that keeps the payloads it was given."""
    payloads = []
    monkeypatch.setitem(registry._outbox_handlers, "note", lambda message: payloads.append(message.payload))
    return payloads


def fail_with(monkeypatch, error):
    def handler(message):
        raise error

    monkeypatch.setitem(registry._outbox_handlers, "note", handler)


def make_due(message):
    OutboxMessage.objects.filter(pk=message.pk).update(due_at=F("created_at"))


def test_a_promise_is_kept_once(handled):
    outbox.promise("note", "n-1", {"id": 1})

    outbox.sweep()
    outbox.sweep()

    assert handled == [{"id": 1}]
    message = OutboxMessage.objects.get()
    assert (message.status, message.tries, message.lease_until) == (OutboxStatus.DONE, 1, None)
    assert message.done_at is not None


def test_the_same_key_is_promised_once(handled):
    outbox.promise("note", "n-1", {"id": 1})
    outbox.promise("note", "n-1", {"id": 2})

    outbox.sweep()

    assert handled == [{"id": 1}]


def test_a_key_stays_taken_after_its_promise_was_kept(handled):
    outbox.promise("note", "n-1", {"id": 1})
    outbox.sweep()
    outbox.promise("note", "n-1", {"id": 2})
    outbox.sweep()

    assert handled == [{"id": 1}]


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_promise_of_a_transaction_that_is_rolled_back_is_not_kept(handled):
    class ChangedMindError(Exception):
        pass

    @transaction.atomic
    def promise_and_change_mind():
        outbox.promise("note", "n-1", {})
        raise ChangedMindError

    with pytest.raises(ChangedMindError):
        promise_and_change_mind()
    outbox.sweep()

    assert handled == []
    assert not OutboxMessage.objects.exists()


def test_a_promise_for_later_waits(handled):
    outbox.promise("note", "n-1", {"id": 1}, due_at=database_now() + timedelta(hours=1))

    outbox.sweep()
    assert handled == []

    make_due(OutboxMessage.objects.get())
    outbox.sweep()
    assert handled == [{"id": 1}]


def test_a_message_that_fails_is_put_off_and_tried_again(monkeypatch, handled):
    with monkeypatch.context() as broken:
        fail_with(broken, RuntimeError("mail server is away"))
        outbox.promise("note", "n-1", {"id": 1})
        outbox.sweep()
        message = OutboxMessage.objects.get()
        assert (message.status, message.tries, message.lease_until) == (OutboxStatus.PENDING, 1, None)
        assert message.last_error == "RuntimeError: mail server is away"
        assert message.due_at > database_now() + timedelta(seconds=3)

    make_due(message)
    outbox.sweep()
    assert handled == [{"id": 1}]


def test_the_address_that_a_mail_server_refuses_is_not_kept(monkeypatch):
    fail_with(monkeypatch, SMTPRecipientsRefused({"ada@example.org": (550, b"no such user")}))
    outbox.promise("note", "n-1", {})
    outbox.sweep()

    assert OutboxMessage.objects.get().last_error == "SMTPRecipientsRefused: {'[address]': (550, b'no such user')}"


def test_pauses_double_up_to_an_hour():
    assert [outbox.pause_after(tries).total_seconds() for tries in (1, 2, 3, 10, 11, 30)] == [
        5,
        10,
        20,
        2560,
        3600,
        3600,
    ]


def test_after_the_last_try_a_message_fails_for_good(monkeypatch):
    fail_with(monkeypatch, RuntimeError("no"))
    outbox.promise("note", "n-1", {})
    message = OutboxMessage.objects.get()
    OutboxMessage.objects.update(tries=outbox.MAX_TRIES - 1)

    outbox.deliver(message.pk)

    message.refresh_from_db()
    assert (message.status, message.tries) == (OutboxStatus.FAILED, outbox.MAX_TRIES)
    assert not outbox.deliver(message.pk)


def test_a_message_of_an_unknown_kind_waits_for_newer_code():
    outbox.promise("from the future", "f-1", {})

    outbox.sweep()

    message = OutboxMessage.objects.get()
    assert (message.status, message.tries) == (OutboxStatus.PENDING, 1)


def test_a_message_that_another_sweeper_holds_is_left_alone(handled):
    outbox.promise("note", "n-1", {})
    message = OutboxMessage.objects.get()
    OutboxMessage.objects.update(lease_until=database_now() + timedelta(seconds=60), tries=1)

    assert not outbox.deliver(message.pk)
    assert handled == []


def test_a_message_whose_sweeper_died_is_done_by_the_next(handled):
    outbox.promise("note", "n-1", {"id": 1})
    OutboxMessage.objects.update(lease_until=database_now() - timedelta(seconds=1), tries=1)

    outbox.sweep()

    assert handled == [{"id": 1}]
    assert OutboxMessage.objects.get().tries == 2


def test_a_sweeper_that_lost_its_lease_cannot_settle_the_message(monkeypatch):
    """Its handler was so slow that another sweeper claimed the message: that one decides."""

    def slow(message):
        OutboxMessage.objects.filter(pk=message.pk).update(tries=F("tries") + 1)

    monkeypatch.setitem(registry._outbox_handlers, "note", slow)
    outbox.promise("note", "n-1", {})
    outbox.deliver(OutboxMessage.objects.get().pk)

    message = OutboxMessage.objects.get()
    assert (message.status, message.tries) == (OutboxStatus.PENDING, 2)
    assert message.lease_until is not None


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_handlers_are_called_outside_a_transaction(monkeypatch):
    from django.db import connection

    seen = []
    monkeypatch.setitem(registry._outbox_handlers, "note", lambda message: seen.append(connection.in_atomic_block))
    outbox.promise("note", "n-1", {})
    outbox.sweep()

    assert seen == [False]


def test_a_due_promise_rings_when_it_is_committed(django_capture_on_commit_callbacks, monkeypatch):
    rings = []
    monkeypatch.setattr(doorbell, "ring", lambda name, queue: rings.append((name, queue)))

    with django_capture_on_commit_callbacks(execute=True):
        outbox.promise("note", "n-1", {})
        assert rings == []

    assert rings == [("gas.sweep_outbox", "control")]


def done(count, age, key="d"):
    at = database_now() - age
    OutboxMessage.objects.bulk_create(
        OutboxMessage(kind="note", dedupe_key=f"{key}-{n}", status=OutboxStatus.DONE, due_at=at, done_at=at)
        for n in range(count)
    )


def test_what_was_done_long_ago_is_forgotten_and_nothing_else():
    at = database_now() - outbox.KEPT - timedelta(days=1)
    done(1, outbox.KEPT + timedelta(minutes=1), "old")
    done(1, outbox.KEPT - timedelta(minutes=1), "young")
    OutboxMessage.objects.create(kind="note", dedupe_key="failed", status=OutboxStatus.FAILED, due_at=at)
    OutboxMessage.objects.create(kind="from the future", dedupe_key="waiting", due_at=at)

    outbox.sweep()

    assert set(OutboxMessage.objects.values_list("dedupe_key", flat=True)) == {"young-0", "failed", "waiting"}


def test_a_turn_forgets_a_bounded_number_and_the_next_goes_on(monkeypatch, handled):
    monkeypatch.setattr(outbox, "FORGOTTEN_AT_ONCE", 3)
    done(5, outbox.KEPT + timedelta(days=1))
    outbox.promise("note", "n-1", {"id": 1})

    outbox.sweep()
    assert (OutboxMessage.objects.filter(dedupe_key__startswith="d-").count(), handled) == (2, [{"id": 1}])

    outbox.sweep()
    assert not OutboxMessage.objects.filter(dedupe_key__startswith="d-").exists()


def plans_of(work):
    """How the database answers each question about messages that `work` asks, parameters bound as they are."""
    asked = []

    def keep(execute, sql, params, many, context):
        if sql.startswith("SELECT") and "gas_outboxmessage" in sql:
            asked.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(keep):
        work()
    found = {}
    with connection.cursor() as cursor:
        for sql, params in asked:
            cursor.execute(f"EXPLAIN {'QUERY PLAN ' if connection.vendor == 'sqlite' else ''}{sql}", params)
            found[sql] = "\n".join(str(row[-1]) for row in cursor.fetchall())
    return found


def test_what_is_asked_at_each_scrape_and_sweep_looks_at_no_message_that_is_done():
    done(5000, timedelta(days=1))
    done(100, outbox.KEPT + timedelta(days=1), "old")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")

    found: dict[str, str] = {}
    for work in (lambda: list(metrics._outbox()), overview.failed_promises, outbox.sweep):
        asked = plans_of(work)
        assert asked
        found |= asked

    for sql, plan in found.items():
        assert "outbox_" in plan, f"{sql}\n{plan}"
