"""Back to the old address: whoever reads its mail may take a change of the account's address back.

A change of address is how a stolen session becomes a stolen account. So the mail to the old address
holds a link that ends it: the old address again, nobody signed in, no token, no identity linked since,
and a password that only a mail to the old address renews. The second factor stays: it is what keeps a
stolen mailbox from being the whole account.
"""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.hashers import make_password
from django.core import signing
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Now
from social_django.models import UserSocialAuth

from accounts.addresses.models import AddressChange
from accounts.addresses.work import AddressTakenError
from accounts.erasure import work as erasures
from accounts.models import User
from accounts.security import sessions, tokens
from gas import audit, outbox
from gas.clock import from_now

SALT = "accounts.address.undo"
DAYS = 7


def token_of(change: AddressChange) -> str:
    """The secret part of the link in the mail to the old address; it is stored nowhere."""
    return signing.dumps(str(change.pk), salt=SALT)


def find(token: str) -> AddressChange | None:
    """The change that a link takes back; None when it is no such link, its time is over, or it was taken back."""
    try:
        change_id = signing.loads(token, salt=SALT)
    except signing.BadSignature:
        return None
    mine = AddressChange.objects.filter(pk=change_id, undone_at=None, done_at__gt=from_now(-timedelta(days=DAYS)))
    return mine.select_related("user").filter(user__is_active=True).first()


def undo(change: AddressChange) -> None:
    """The account has its old address again, and nothing that was given out or asked for since holds.

    Raises AddressTakenError where another account has the address meanwhile.
    """
    try:
        with transaction.atomic():
            user = User.objects.select_for_update(no_key=True).get(pk=change.user_id)
            # Later changes go with it: their links would bring back an address that was never the owner's.
            later = Q(pk=change.pk) | Q(done_at__gt=change.done_at)
            with_later = AddressChange.objects.filter(later, user=user, undone_at=None)
            if not with_later.filter(pk=change.pk).exists():
                return
            with_later.update(undone_at=Now())
            AddressChange.objects.filter(user=user, done_at=None).delete()
            User.objects.filter(pk=user.pk).update(
                email=change.old_email, email_confirmed_at=Now(), password=make_password(None)
            )
            UserSocialAuth.objects.filter(user=user, created__gte=change.done_at).delete()
            tokens.working(user).update(revoked_at=Now())
            sessions.end_others(user, "")
            erasure = erasures.scheduled_for(user.pk)
            if erasure is not None:
                erasures.withdraw(erasure)
            audit.record("address.restored", user, f"user:{user.pk}")
            payload = {"template": "address_restored", "user": str(user.pk)}
            outbox.promise("accounts.mail", f"address_restored:{change.pk}", payload)
    except IntegrityError:
        raise AddressTakenError from None
