"""`manage.py createadmin ADDRESS`: the first admin, or one more."""

from __future__ import annotations

import getpass
import secrets
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from django.utils import timezone

from gas import audit


class Command(BaseCommand):
    """Make an admin of a new address, or of an account that is there already."""

    help = "Make an admin account. Asks for a password; without a terminal it makes one and prints it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The address."""
        parser.add_argument("address", help="e-mail address of the admin")
        parser.add_argument("--name", default="", help="the admin's name, as the service shows it")

    def handle(self, *args: Any, **options: Any) -> None:
        """An account that exists keeps its password and becomes an admin's."""
        address = options["address"]
        try:
            validate_email(address)
        except ValidationError:
            raise CommandError(f"{address} is not an e-mail address.") from None
        users: Any = get_user_model()._default_manager
        user = users.filter(email__iexact=address).first()
        if user is None:
            user = self._new_admin(address, options["name"])
        else:
            users.filter(pk=user.pk).update(is_staff=True, is_superuser=True, is_active=True)
            self.stdout.write(f"{address} is an admin now, with the password of before.")
        audit.record("create admin", None, f"user:{user.pk}")
        self.stdout.write(f"Sign in at {settings.BASE_URL}/accounts/sign-in/, then open {settings.BASE_URL}/admin/.")
        self.stdout.write("The first sign-in sets up the second factor: have an authenticator app at hand.")

    def _new_admin(self, address: str, name: str) -> AbstractBaseUser:
        users: Any = get_user_model()._default_manager
        password = self._ask() if sys.stdin.isatty() else secrets.token_urlsafe(12)
        admin: AbstractBaseUser = users.create_superuser(
            address, password, name=name, email_confirmed_at=timezone.now()
        )
        if sys.stdin.isatty():
            self.stdout.write(f"{address} is an admin now.")
        else:
            self.stdout.write(f"{address} is an admin now, with the password {password}; it is shown only here.")
        return admin

    def _ask(self) -> str:
        password = getpass.getpass("Password: ")
        try:
            validate_password(password)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        if getpass.getpass("Once more: ") != password:
            raise CommandError("The passwords differ.")
        return password
