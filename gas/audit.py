"""The audit log: who did what to which object, without naming anybody.

A person appears as an HMAC with a salt of their own; erasing the person deletes the salt, and
from then on their entries belong to nobody. Entries are sealed in batches: each seal's digest
covers its entries and the seal before, so that an edit, a deletion or a late insertion shows.
Each digest is also logged: who can rewrite the whole chain cannot rewrite the logs elsewhere.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import secrets
from collections.abc import Iterable, Iterator

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction

from gas.models import AuditEntry, AuditSalt, AuditSeal
from gas.sweeping import turn

logger = logging.getLogger(__name__)

SEAL_TASK = "gas.seal_audit"
BATCH = 5000


def record(action: str, actor: AbstractBaseUser | None, target: str = "", **detail: object) -> None:
    """Add an entry, in the caller's transaction if there is one.

    `action` is a verb and a noun ("download output"), `target` an id, `detail` ids and figures:
    nothing that names a person.
    """
    AuditEntry.objects.create(action=action, actor=pseudonym(actor) if actor else "", target=target, detail=detail)


def pseudonym(person: AbstractBaseUser) -> str:
    """64 hexadecimal digits that stand for a person as long as their salt exists."""
    row, _ = AuditSalt.objects.get_or_create(person_id=person.pk, defaults={"salt": secrets.token_bytes(32)})
    return hmac.new(bytes(row.salt), str(person.pk).encode(), hashlib.sha256).hexdigest()


def forget(person: AbstractBaseUser) -> None:
    """Make a person's entries nobody's."""
    AuditSalt.objects.filter(person_id=person.pk).delete()


def sweep() -> None:
    """Seal what is not sealed, for at most the time of a turn."""
    with turn("audit") as mine:
        while mine and mine.has_time():
            if not seal_batch():
                return


@transaction.atomic
def seal_batch() -> bool:
    """Seal the oldest entries that have no seal. False: there were none."""
    entries = list(AuditEntry.objects.filter(seal=None).order_by("pk")[:BATCH])
    if not entries:
        return False
    last = AuditSeal.objects.order_by("-number").first()
    digest = _digest(last.digest if last else "", entries)
    seal = AuditSeal.objects.create(number=last.number + 1 if last else 1, digest=digest, entries_count=len(entries))
    AuditEntry.objects.filter(pk__in=[entry.pk for entry in entries]).update(seal=seal)
    transaction.on_commit(lambda: logger.info("Audit seal %d over %d entries: %s", seal.number, len(entries), digest))
    return True


def broken(*, deep: bool) -> Iterator[str]:
    """A sentence for each seal that does not fit its entries or the seal before."""
    before = ""
    expected = 1
    for seal in AuditSeal.objects.order_by("number").iterator():
        if seal.number != expected:
            yield f"Audit seals {expected} to {seal.number - 1} are missing."
        entries = list(seal.entries.order_by("pk"))
        if len(entries) != seal.entries_count or _digest(before, entries) != seal.digest:
            yield f"The audit entries under seal {seal.number} are not those that were sealed."
        before, expected = seal.digest, seal.number + 1


def _digest(before: str, entries: Iterable[AuditEntry]) -> str:
    """SHA-256 over the digest before and, line by line, the entries as JSON."""
    digest = hashlib.sha256(before.encode())
    for entry in entries:
        line = [entry.pk, entry.at.isoformat(), entry.actor, entry.action, entry.target, entry.detail]
        digest.update(b"\n" + json.dumps(line, sort_keys=True, ensure_ascii=False).encode())
    return digest.hexdigest()
