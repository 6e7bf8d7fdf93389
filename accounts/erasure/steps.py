"""What this app keeps of a user, and how each of it is deleted. Other apps register their own erasers."""

from __future__ import annotations

from uuid import UUID

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.admin.models import LogEntry
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.sessions.models import Session
from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast, Now

from accounts.addresses.work import ever_of
from accounts.models import Invitation, Registration, User, with_address
from gas import registry
from gas.mail import delete_files_to
from gas.models import OutboxMessage


@registry.eraser("sessions", order=10)
def end_sessions(user: AbstractBaseUser) -> None:
    """Sign out everywhere. A session's content is a text only its key can open, so all are looked at."""
    for session in Session.objects.filter(expire_date__gt=Now()).iterator(chunk_size=500):
        if session.get_decoded().get("_auth_user_id") == str(user.pk):
            session.delete()


class MessageUnderWayError(Exception):
    """An effect about this user is being done at this moment; it may still write a mail or a file."""


@registry.eraser("messages", order=800)
def drop_messages(user: AbstractBaseUser) -> None:
    """Effects promised about this user, done and waiting.

    Raises MessageUnderWayError while one is being done: all erasers run again after it.
    """
    not_claimed = Q(lease_until__isnull=True) | Q(lease_until__lt=Now())
    messages_about(user.pk).filter(not_claimed).delete()
    if messages_about(user.pk).exists():
        raise MessageUnderWayError


def messages_about(user_id: UUID) -> QuerySet[OutboxMessage]:
    """Messages that name the user by id, in whatever key of the payload or in the key of the promise."""
    messages = OutboxMessage.objects.annotate(payload_text=Cast("payload", TextField()))
    return messages.filter(Q(payload_text__contains=str(user_id)) | Q(dedupe_key__contains=str(user_id)))


@registry.eraser("mail_files", order=810)
def delete_mail_files(user: AbstractBaseUser) -> None:
    """Mails to their addresses, of now and before, that the local profile kept as files."""
    delete_files_to(ever_of(user))


def delete_user(user: User) -> None:
    """The user and whatever names them by address, in the caller's transaction.

    Raises IntegrityError where rows of another app still hold on to the user.
    """
    for address in ever_of(user):
        Registration.objects.filter(with_address(address)).delete()
        Invitation.objects.filter(with_address(address)).delete()
        for attempts in (AccessAttempt, AccessLog, AccessFailureLog):
            attempts.objects.filter(username__iexact=address).delete()
    LogEntry.objects.filter(object_id=str(user.pk)).delete()
    user.delete()
