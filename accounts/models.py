"""Users and their plans."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models import CheckConstraint, Q, UniqueConstraint
from django.db.models.functions import Lower


class PlanCode(models.TextChoices):
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


class UserManager(BaseUserManager["User"]):
    """Makes users by e-mail address."""

    def get_by_natural_key(self, username: str | None) -> User:
        """The user with this address, letter case aside."""
        return self.get(email__iexact=username or "")

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """A new user; without a password nobody can sign in with one."""
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        """A new admin."""
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

    # The plan of now, derived in accounts.plans and written nowhere else.
    plan_code = models.CharField(max_length=16, choices=PlanCode.choices, default=PlanCode.FREE)
    plan_changed_at = models.DateTimeField(null=True, blank=True)

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
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def is_premium(self) -> bool:
        """The plan of now is Premium."""
        return self.plan_code == PlanCode.PREMIUM
