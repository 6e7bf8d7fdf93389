"""Adds, settles and removes a user's own sources; the only writer of their status.

The file comes as any upload does, and counts in the user's storage as one. A source keeps its
upload in use; without the source the upload is let go, and the sweep deletes it.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction

from accounts import plans
from accounts.models import User
from annotations import references, submission, transitions
from annotations.genomics.sources.declaration import OWN_KEY
from annotations.models import OwnSource, OwnSourceStatus, Upload
from annotations.submission import RefusedError
from gas import outbox

CHECK_SOURCE = "annotations.check_source"  # the outbox's kind
MAX_BYTES = 50_000_000
MAX_SOURCES = 20


def add(user: User, *, upload_id: UUID, key: str, reference_name: str) -> OwnSource:
    """Make a source of an upload; it is checked soon. Raises RefusedError."""
    upload = Upload.objects.filter(pk=upload_id, owner=user).select_related("owner").first()
    if upload is None:
        raise RefusedError("upload_unknown", "This upload is not there any more. Upload the file again.")
    try:
        return _add(user, upload, key, reference_name)
    except RefusedError:
        transitions.release(upload.pk)
        raise


def _add(user: User, upload: Upload, key: str, reference_name: str) -> OwnSource:
    reference = references.find(reference_name)
    if reference is None:
        raise RefusedError("reference_unknown", "This reference is not installed. Choose one from the list.")
    if not OWN_KEY.fullmatch(key):
        raise RefusedError("source_key", "The name must be three to twelve capitals and digits, such as LAB.")
    if upload.max_bytes > MAX_BYTES:
        raise RefusedError(
            "source_too_large", f"A source of your own has at most {MAX_BYTES // 1_000_000} MB. Compress it with bgzip."
        )
    submission.confirm_received(upload)
    with transaction.atomic():
        _check_room(submission.lock_owner(user), key)
        if not transitions.consume(upload.pk):
            raise RefusedError("upload_used", "This upload is in use already, or its time is up. Upload it again.")
        source = OwnSource.objects.create(
            owner=user, upload=upload, key=key, reference_name=reference.name, assembly=reference.assembly
        )
        outbox.promise(CHECK_SOURCE, f"{CHECK_SOURCE}:{source.pk}", {"source": str(source.pk)})
    return source


def _check_room(owner: User, key: str) -> None:
    if not plans.limits(owner).own_sources:
        raise RefusedError("own_sources_not_in_plan", "Sources of your own are part of the Premium plan.")
    mine = OwnSource.objects.filter(owner=owner)
    if mine.filter(key=key).exists():
        raise RefusedError("source_key_twice", f"You have a source {key} already. Delete it, or choose another name.")
    if mine.count() >= MAX_SOURCES:
        raise RefusedError("too_many_sources", f"You have {MAX_SOURCES} sources, as many as can be kept. Delete one.")


def settle(source_id: UUID, status: OwnSourceStatus, detail: dict[str, Any]) -> bool:
    """CHECKING -> READY or REFUSED; False where it is settled already, or gone."""
    checking = OwnSource.objects.filter(pk=source_id, status=OwnSourceStatus.CHECKING)
    return bool(checking.update(status=status, detail=detail))


def remove(user: User, source: OwnSource) -> None:
    """Delete a source and let its file go. Jobs that quoted it keep their results."""
    with transaction.atomic():
        submission.lock_owner(user)
        OwnSource.objects.filter(pk=source.pk, owner=user).delete()
        transitions.release(source.upload_id)
