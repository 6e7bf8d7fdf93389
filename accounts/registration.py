"""From a wish for an account to a user: register, confirm, expire.

The pages say the same whether an address has an account or not; what is true is in the mail.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.core import signing
from django.db import IntegrityError, transaction
from django.db.models import F
from social_django.models import UserSocialAuth

from accounts.models import Consent, Invitation, Registration, User, with_address
from gas import clock, outbox

SALT = "accounts.registration"
BACKEND = "django.contrib.auth.backends.ModelBackend"  # who makes an account is signed in by it
# Mails one address may be sent by people who write it into the sign-up form.
MAX_OPEN_PER_ADDRESS = 5
MAX_TRIES = 10


class ConfirmationError(Exception):
    """The registration cannot be confirmed; the message is a sentence for the user."""


@dataclass(frozen=True)
class Applicant:
    """What somebody wrote into the sign-up form; `identity` is (provider, subject) where one stands for a password."""

    email: str
    name: str
    institution: str
    password: str | None
    identity: tuple[str, str] | None = None


def register(applicant: Applicant) -> None:
    """Note the wish for an account and promise the mail that fits. Takes the same time for every address."""
    hashed = make_password(applicant.password)
    email = User.objects.normalize_email(applicant.email.strip())
    with transaction.atomic():
        account = User.objects.filter(with_address(email)).first()
        if account is not None:
            promise_once_an_hour("account_exists", account.pk, {"user": str(account.pk)})
            return
        if settings.SIGNUP == "invite" and not Invitation.objects.filter(with_address(email)).exists():
            return
        now = clock.database_now()
        if Registration.objects.filter(with_address(email), expires_at__gt=now).count() >= MAX_OPEN_PER_ADDRESS:
            return
        registration = Registration.objects.create(
            email=email,
            name=applicant.name.strip(),
            institution=applicant.institution.strip(),
            password=hashed,
            provider=applicant.identity[0] if applicant.identity else "",
            uid=applicant.identity[1] if applicant.identity else "",
            terms_version=settings.TERMS_VERSION,
            expires_at=now + timedelta(hours=settings.REGISTRATION_HOURS),
        )
        payload = {"template": "confirm", "registration": str(registration.pk)}
        outbox.promise("accounts.mail", f"confirm:{registration.pk}", payload)


def promise_once_an_hour(template: str, user_id: UUID, payload: dict[str, str]) -> None:
    """A mail that strangers can cause, at most once an hour."""
    hour = clock.database_now().strftime("%Y%m%d%H")
    outbox.promise("accounts.mail", f"{template}:{user_id}:{hour}", {"template": template, **payload})


def token_of(registration: Registration) -> str:
    """The secret part of the link in the mail; it is made when the mail is, and stored nowhere."""
    return signing.dumps(str(registration.pk), salt=SALT)


def find(token: str) -> Registration | None:
    """The registration a link belongs to; None when it expired, was used or is no such link."""
    try:
        registration_id = signing.loads(token, salt=SALT)
    except signing.BadSignature:
        return None
    return Registration.objects.filter(
        pk=registration_id, expires_at__gt=clock.database_now(), tries__lt=MAX_TRIES
    ).first()


def confirm(registration: Registration, password: str) -> User:
    """Make the user of a registration. Raises ConfirmationError when the password is another one."""
    # Counted before the comparison, so that parallel guesses count too.
    Registration.objects.filter(pk=registration.pk).update(tries=F("tries") + 1)
    if not check_password(password, registration.password):
        raise ConfirmationError("This is not the password you chose when you signed up. Try again, or sign up anew.")
    return _make_user(registration)


def confirm_by_identity(registration: Registration, identity: tuple[str, str]) -> User:
    """Make the user of a registration by the identity it was made with; raises ConfirmationError for another."""
    if not registration.provider or (registration.provider, registration.uid) != identity:
        raise ConfirmationError("This link belongs to another sign-up. Begin again.")
    return _make_user(registration)


def make_vouched(applicant: Applicant) -> User:
    """Make a user at once: the identity's provider vouches for the address. Raises ConfirmationError."""
    if settings.SIGNUP == "invite" and not Invitation.objects.filter(with_address(applicant.email)).exists():
        raise ConfirmationError("Accounts here are by invitation, and this address is not invited.")
    now = clock.database_now()
    registration = Registration(
        email=User.objects.normalize_email(applicant.email),
        name=applicant.name.strip(),
        institution=applicant.institution.strip(),
        password=make_password(None),
        provider=applicant.identity[0] if applicant.identity else "",
        uid=applicant.identity[1] if applicant.identity else "",
        terms_version=settings.TERMS_VERSION,
        created_at=now,
        expires_at=now,
    )
    return _make_user(registration)


def _make_user(registration: Registration) -> User:
    """One transaction: the user, the consent, the identity. Raises ConfirmationError if the address is taken."""
    try:
        with transaction.atomic():
            return _write_user(registration)
    except IntegrityError:
        raise ConfirmationError(
            "There is an account with this address already. Sign in the way you did before; "
            "then you can link other ways under Profile, Security."
        ) from None


def _write_user(registration: Registration) -> User:
    user = User(
        email=registration.email,
        name=registration.name,
        institution=registration.institution,
        password=registration.password,
        email_confirmed_at=clock.database_now(),
    )
    user.save(force_insert=True)
    Consent.objects.create(user=user, terms_version=registration.terms_version, agreed_at=registration.created_at)
    if registration.provider:
        UserSocialAuth.objects.create(user=user, provider=registration.provider, uid=registration.uid, extra_data={})
    Registration.objects.filter(with_address(registration.email)).delete()
    Invitation.objects.filter(with_address(registration.email)).delete()
    return user


def expire() -> int:
    """Delete the registrations whose time is up; how many there were."""
    return Registration.objects.filter(expires_at__lte=clock.database_now()).delete()[0]
