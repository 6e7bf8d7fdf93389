"""Marking variants, and finding what somebody marked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest

from accounts.models import User
from annotations.models import Job
from annotations.notes.models import VariantNote

MAX_KEPT: Final = 1000
"""Notes of one author on one result; a filter of stars is a question with all of them in it."""


class TooManyNotesError(Exception):
    """The author has as many notes on this result as there can be."""

    sentence = f"You have marked {MAX_KEPT:,} variants of this result, which is as many as there can be."


class Allele(NamedTuple):
    """A variant by what identifies it; pos as in VCF."""

    contig: str
    pos: int
    ref: str
    alt: str

    @property
    def digest(self) -> str:
        """64 hexadecimal digits."""
        return hashlib.sha256("\t".join(map(str, self)).encode()).hexdigest()


def allele_of(row: Mapping[str, Any]) -> Allele:
    """The variant of a row of a result's table."""
    return Allele(str(row["contig"]), int(row["pos"]), row["ref"] or "", row["alt"] or "")


def set_star(author: User, job: Job, allele: Allele, *, is_starred: bool) -> None:
    """Give the variant the author's star, or take it away. Raises TooManyNotesError."""
    _change(author, job, allele, is_starred=is_starred)


def write_text(author: User, job: Job, allele: Allele, text: str) -> None:
    """Keep the author's text; an empty one takes it away. Raises TooManyNotesError."""
    _change(author, job, allele, text=text)


@transaction.atomic
def _change(author: User, job: Job, allele: Allele, **changes: object) -> None:
    User.objects.select_for_update(no_key=True).get(pk=author.pk)
    note = VariantNote.objects.filter(author=author, job=job, digest=allele.digest).first()
    if note is None:
        note = VariantNote(author=author, job=job, digest=allele.digest, **allele._asdict())
    for name, value in changes.items():
        setattr(note, name, value)
    if not note.is_starred and not note.text:
        if note.pk:
            note.delete()
        return
    if note.pk is None and VariantNote.objects.filter(author=author, job=job).count() >= MAX_KEPT:
        raise TooManyNotesError
    note.changed_at = Now()
    note.save()


def notes_of(author: User, job: Job) -> QuerySet[VariantNote]:
    """All that the author marked in a result."""
    return VariantNote.objects.filter(author=author, job=job)


def note_on(request: HttpRequest, job: Job, allele: Allele) -> VariantNote | None:
    """What the reader of a page marked on a variant."""
    if not isinstance(request.user, User):
        return None
    return notes_of(request.user, job).filter(digest=allele.digest).first()


def marks_of(request: HttpRequest, job: Job) -> dict[str, VariantNote]:
    """All that the reader of a page marked in a result, by the variants' digests."""
    if not isinstance(request.user, User):
        return {}
    return {note.digest: note for note in notes_of(request.user, job)}


def starred(author: User | None, job: Job) -> tuple[Allele, ...]:
    """The variants with the author's star."""
    if author is None:
        return ()
    columns = ("contig", "pos", "ref", "alt")
    rows = notes_of(author, job).filter(is_starred=True).order_by("contig", "pos", "pk").values_list(*columns)
    return tuple(Allele(*row) for row in rows)
