"""Users and their plans; registrations that are not users yet."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models import CheckConstraint, Q, UniqueConstraint
from django.db.models.functions import Lower
from django.db.models.lookups import Exact
from django.utils import timezone


class PlanCode(models.TextChoices):
    """The plans that the code knows by name."""

    FREE = "free", "Free"
    PREMIUM = "premium", "Premium"


class Plan(models.Model):
    """What a plan allows. Data, so that an admin can change it; the first two rows come from a migration."""

    code = models.CharField(max_length=16, primary_key=True, choices=PlanCode.choices)
    max_file_bytes = models.BigIntegerField()
    max_open_jobs = models.PositiveIntegerField()
    max_jobs_per_day = models.PositiveIntegerField()
    max_storage_bytes = models.BigIntegerField()
    hot_retention_seconds = models.PositiveBigIntegerField(null=True, blank=True)  # None: hot as long as the job lives
    input_retention_seconds = models.PositiveBigIntegerField()
    own_sources = models.BooleanField(default=False)

    class Meta:
        constraints = [CheckConstraint(name="plan_code_known", condition=Q(code__in=PlanCode.values))]

    def __str__(self) -> str:
        return self.get_code_display()


def with_address(email: str) -> Exact:
    """Condition: the row's e-mail address is this one, letter case aside. Uses the index on lower(email)."""
    return Exact(Lower("email"), email.strip().lower())


class UserManager(BaseUserManager["User"]):
    """Makes users by e-mail address."""

    def get_by_natural_key(self, username: str | None) -> User:
        """The user with this address, letter case aside."""
        return self.get(with_address(username or ""))

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """A new user; without a password nobody can sign in with one."""
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        """A new admin; whoever may make one is believed about the address."""
        fields.setdefault("email_confirmed_at", timezone.now())
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A person with an account."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(max_length=254)
    email_confirmed_at = models.DateTimeField(null=True, blank=True)
    name = models.CharField(max_length=150, blank=True)
    institution = models.CharField(max_length=200, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    date_joined = models.DateTimeField(auto_now_add=True)

    # Which mails they want; what concerns safety, payments and leaving always goes.
    mail_job_ended = models.BooleanField(default=True, db_default=True)
    mail_going_cold = models.BooleanField(default=True, db_default=True)
    mail_results_back = models.BooleanField(default=True, db_default=True)

    # The second factor of now, None without one; a session that has passed it keeps this name of it.
    second_factor = models.UUIDField(null=True, blank=True, editable=False)

    # The plan of now, derived in accounts.plans and written nowhere else.
    plan_code = models.CharField(max_length=16, choices=PlanCode.choices, default=PlanCode.FREE)
    plan_changed_at = models.DateTimeField(null=True, blank=True)
    plan_version = models.PositiveIntegerField(default=0)  # only grows: one outbox message for each change
    # What an admin decided, for as long as it holds; it goes before billing.
    plan_override = models.CharField(max_length=16, choices=PlanCode.choices, blank=True, default="")
    plan_override_until = models.DateTimeField(null=True, blank=True)
    plan_override_reason = models.CharField(max_length=300, blank=True, default="")

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        constraints = [
            UniqueConstraint(
                Lower("email"),
                name="user_email_unique",
                violation_error_message="There is an account with this e-mail address already.",
            ),
            CheckConstraint(name="user_plan_known", condition=Q(plan_code__in=PlanCode.values)),
            CheckConstraint(name="user_plan_override_known", condition=Q(plan_override__in=["", *PlanCode.values])),
            CheckConstraint(
                name="user_plan_override_has_a_reason", condition=Q(plan_override="") | ~Q(plan_override_reason="")
            ),
        ]
        indexes = [
            # The sweep looks for an admin's decisions whose time is up.
            models.Index(fields=["plan_override_until"], name="user_override_until", condition=~Q(plan_override="")),
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def is_premium(self) -> bool:
        """The plan of now is Premium."""
        return self.plan_code == PlanCode.PREMIUM


class Registration(models.Model):
    """Someone asked for an account and has not proved the address yet.

    Not a user: it owns nothing, cannot sign in and expires. Confirming needs the link from the
    mail and the password that was typed with it, so that nobody can register somebody else's
    address and wait for its owner to confirm it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(max_length=254)
    name = models.CharField(max_length=150)
    institution = models.CharField(max_length=200, blank=True)
    password = models.CharField(max_length=128)  # hashed; unusable where an identity stands for it
    provider = models.CharField(max_length=32, blank=True, default="")
    uid = models.CharField(max_length=255, blank=True, default="")
    terms_version = models.CharField(max_length=16)
    tries = models.PositiveSmallIntegerField(default=0)  # wrong passwords at the confirmation
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(Lower("email"), name="registration_email"),
            models.Index(fields=["expires_at"], name="registration_expiry"),
        ]

    def __str__(self) -> str:
        return f"registration {self.id}"


class Invitation(models.Model):
    """An address that may make an account where sign-up is by invitation."""

    email = models.EmailField(max_length=254)
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            UniqueConstraint(
                Lower("email"),
                name="invitation_email_unique",
                violation_error_message="This address is invited already.",
            )
        ]

    def __str__(self) -> str:
        return self.email


class Consent(models.Model):
    """A user agreed to a version of the terms, which include the processing of genetic data."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="consents")
    terms_version = models.CharField(max_length=16)
    agreed_at = models.DateTimeField()

    class Meta:
        constraints = [UniqueConstraint(fields=["user", "terms_version"], name="consent_once_a_version")]

    def __str__(self) -> str:
        return f"terms {self.terms_version}"


# The models of the app's own packages: Django finds an app's models by importing this module.
from accounts.addresses.models import AddressChange  # noqa: E402
from accounts.billing.models import BillingAccount, StripeEvent  # noqa: E402
from accounts.erasure.models import Erasure  # noqa: E402
from accounts.security.models import ApiToken, RecoveryCode, SignIn  # noqa: E402
from accounts.takeout.models import TakeOut  # noqa: E402

__all__ = [
    "AddressChange",
    "ApiToken",
    "BillingAccount",
    "Consent",
    "Erasure",
    "Invitation",
    "Plan",
    "PlanCode",
    "RecoveryCode",
    "Registration",
    "SignIn",
    "StripeEvent",
    "TakeOut",
    "User",
    "with_address",
]
