"""What the archive keeps of a user who leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotations.storage import delete_results
from archival import removal
from archival.models import ColdCopy, LedgerLine, Recall
from gas import registry

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser


class StillThereError(Exception):
    """Something of the user is left, because jobs are: their eraser comes first."""


@registry.eraser("archival", order=200)
def erase(user: AbstractBaseUser) -> None:
    """Delete the cold objects with all their versions and every row; after the jobs are gone."""
    removal.forget(user.pk)
    delete_results(f"{user.pk}/")  # what a worker that was stopped wrote after its row was gone
    Recall.objects.filter(owner_id=user.pk).delete()
    LedgerLine.objects.filter(owner_id=user.pk).delete()
    if ColdCopy.objects.filter(owner_id=user.pk).exists():
        raise StillThereError(f"cold copies of user {user.pk} belong to jobs that still exist")
