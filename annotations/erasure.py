"""Deleting what a user's uploads and jobs left: objects by the outbox and for an erasure, then rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q

from accounts.addresses.work import ever_of
from annotations import storage
from annotations.areas import area
from annotations.explorer import files
from annotations.models import (
    DeletedJob,
    Job,
    Notice,
    OwnSource,
    SavedFilter,
    Share,
    Upload,
    VariantNote,
    Webhook,
)
from annotations.submission import DELETE_RESULTS
from gas import registry
from gas.models import OutboxMessage

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser


@registry.outbox_handler(DELETE_RESULTS)
def delete_results(message: OutboxMessage) -> None:
    """Delete the objects below the prefix of a job that is gone."""
    storage.delete_results(message.payload["prefix"])
    files.forget(message.payload["prefix"])


@registry.eraser("annotations", order=100)
def erase(user: AbstractBaseUser) -> None:
    """Delete all jobs, results, sources and uploads of a user, rows first: running workers are fenced off by that.

    Whatever a worker still writes is an orphan then, and this, when it is repeated, or the sweep finds it.
    """
    with transaction.atomic():
        Share.objects.filter(Q(recipient_id=user.pk) | Q(email__in=ever_of(user))).delete()
        Notice.objects.filter(user_id=user.pk).delete()
        Webhook.objects.filter(user_id=user.pk).delete()
        VariantNote.objects.filter(author_id=user.pk).delete()
        SavedFilter.objects.filter(owner_id=user.pk).delete()
        Job.objects.filter(owner_id=user.pk).delete()
        DeletedJob.objects.filter(owner_id=user.pk).delete()
        OwnSource.objects.filter(owner_id=user.pk).delete()
        Upload.objects.filter(owner_id=user.pk).delete()
    storage.delete_results(f"{user.pk}/")
    files.forget(f"{user.pk}/")
    inputs = area("inputs")
    inputs.delete(inputs.keys_below(f"{user.pk}/"))
