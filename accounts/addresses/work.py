"""From a wish for another address to the change.

The page says the same whether the new address has an account or not; what is true is in the mail there.
"""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.core import signing
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from accounts import registration
from accounts.addresses.models import AddressChange
from accounts.models import User, with_address
from gas import audit, clock, outbox
from gas.mail import delete_files_to

SALT = "accounts.address"
MAX_OPEN = 5  # mails to addresses that may be anybody's


class AddressTakenError(Exception):
    """Another account has the address."""


def request_change(user: User, email: str) -> None:
    """Note the wish and promise the mail that fits. The address of now may be asked for while it is not confirmed."""
    new = User.objects.normalize_email(email.strip())
    now = clock.database_now()
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        other = User.objects.filter(with_address(new)).exclude(pk=user.pk).first()
        if other is not None:
            registration.promise_once_an_hour("account_exists", other.pk, {"user": str(other.pk)})
            return
        if AddressChange.objects.filter(user=user, done_at=None, expires_at__gt=now).count() >= MAX_OPEN:
            return
        change = AddressChange.objects.create(
            user=user,
            new_email=new,
            requested_at=now,
            expires_at=now + timedelta(hours=settings.REGISTRATION_HOURS),
        )
        outbox.promise(
            "accounts.mail",
            f"address_confirm:{change.pk}",
            {"template": "address_confirm", "user": str(user.pk), "change": str(change.pk)},
        )


def token_of(change: AddressChange) -> str:
    """The secret part of the link in the mail; it is made when the mail is, and stored nowhere."""
    return signing.dumps(str(change.pk), salt=SALT)


def find(user: User, token: str) -> AddressChange | None:
    """The user's open change that a link belongs to; None when it expired, was done, or is somebody else's."""
    try:
        change_id = signing.loads(token, salt=SALT)
    except signing.BadSignature:
        return None
    return AddressChange.objects.filter(pk=change_id, user=user, done_at=None, expires_at__gt=Now()).first()


def carry_out(change: AddressChange) -> None:
    """The account has the new address from now on; the old one is told. Raises AddressTakenError."""
    try:
        with transaction.atomic():
            user = User.objects.select_for_update(no_key=True).get(pk=change.user_id)
            done = AddressChange.objects.filter(pk=change.pk, done_at=None)
            if not done.update(done_at=Now(), old_email=user.email):
                return
            AddressChange.objects.filter(user=user, done_at=None).delete()
            is_other = user.email.lower() != change.new_email.lower()
            User.objects.filter(pk=user.pk).update(email=change.new_email, email_confirmed_at=Now())
            audit.record("address.changed", user, f"user:{user.pk}")
            if is_other:
                payload = {"template": "address_changed", "user": str(user.pk), "change": str(change.pk)}
                outbox.promise("accounts.mail", f"address_changed:{change.pk}", payload)
    except IntegrityError:
        raise AddressTakenError from None


def expire() -> None:
    """Delete wishes that nobody confirmed, and what the local profile kept of the mails about them."""
    over = AddressChange.objects.filter(done_at=None, expires_at__lte=Now())
    delete_files_to(_without_accounts({change.new_email.lower() for change in over}))
    over.delete()


def ever_of(user: AbstractBaseUser) -> set[str]:
    """All addresses the account had or asked for, in lower case, but those that another account has by now."""
    changes = AddressChange.objects.filter(user_id=user.pk)
    own = user.get_username().lower()
    others = {email.lower() for change in changes for email in (change.old_email, change.new_email) if email}
    return {own} | _without_accounts(others - {own})


def _without_accounts(emails: set[str]) -> set[str]:
    return {email for email in emails if not User.objects.filter(with_address(email)).exists()}
