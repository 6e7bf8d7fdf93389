import uuid

import pytest
from django.contrib.auth import get_user_model

from gas import audit
from gas.models import AuditEntry, AuditSalt, AuditSeal

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann():
    return get_user_model()(pk=uuid.uuid4(), email="ann@example.org")


def broken():
    return list(audit.broken(deep=False))


def record_and_seal(*actions):
    for action in actions:
        audit.record(action, None, target="job-1", size_bytes=5)
    audit.sweep()


def test_entries_of_a_person_share_a_pseudonym_that_names_nobody(ann):
    audit.record("download output", ann)
    audit.record("share result", ann)
    audit.record("share result", get_user_model()(pk=uuid.uuid4()))

    first, second, other = AuditEntry.objects.order_by("pk").values_list("actor", flat=True)
    assert first == second != other
    assert len(first) == 64
    assert ann.email not in first
    assert str(ann.pk) not in first


def test_after_erasure_nobody_can_say_whose_entries_they_were(ann):
    audit.record("download output", ann)
    before = AuditEntry.objects.get().actor

    audit.forget(ann)

    assert not AuditSalt.objects.exists()
    assert AuditEntry.objects.get().actor == before
    assert audit.pseudonym(ann) != before


def test_a_sealed_log_is_whole(caplog):
    record_and_seal("a", "b")
    record_and_seal("c")
    audit.sweep()

    assert list(AuditSeal.objects.values_list("number", "entries_count")) == [(1, 2), (2, 1)]
    assert broken() == []


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_each_seal_is_logged_so_that_the_whole_chain_cannot_be_made_anew(caplog):
    with caplog.at_level("INFO", "gas.audit"):
        record_and_seal("a")

    assert AuditSeal.objects.get().digest in caplog.text


@pytest.mark.parametrize(
    "change", [{"target": "job-2"}, {"detail": {"size_bytes": 6}}, {"actor": "x"}, {"action": "z"}]
)
def test_an_edited_entry_breaks_the_chain(change):
    record_and_seal("a", "b")
    AuditEntry.objects.filter(action="a").update(**change)

    assert broken() == ["The audit entries under seal 1 are not those that were sealed."]


def test_a_batch_that_is_rewritten_with_its_own_seal_breaks_the_chain():
    record_and_seal("a")
    record_and_seal("b")
    AuditEntry.objects.filter(action="a").update(target="job-2")
    forged = audit._digest("", AuditEntry.objects.filter(seal=1))
    AuditSeal.objects.filter(number=1).update(digest=forged)

    assert broken() == ["The audit entries under seal 2 are not those that were sealed."]


def test_a_deleted_entry_breaks_the_chain():
    record_and_seal("a", "b")
    AuditEntry.objects.filter(action="b").delete()

    assert len(broken()) == 1


def test_an_entry_added_later_breaks_the_chain():
    record_and_seal("a")
    AuditEntry.objects.create(action="never happened", seal=AuditSeal.objects.get())

    assert len(broken()) == 1


def test_a_deleted_batch_breaks_the_chain():
    for action in "abc":
        record_and_seal(action)
    AuditEntry.objects.filter(seal=2).delete()
    AuditSeal.objects.filter(number=2).delete()

    assert broken()[0] == "Audit seals 2 to 2 are missing."


def test_a_batch_is_bounded(monkeypatch):
    monkeypatch.setattr(audit, "BATCH", 2)
    record_and_seal("a", "b", "c")

    assert list(AuditSeal.objects.order_by("number").values_list("entries_count", flat=True)) == [2, 1]
    assert broken() == []
