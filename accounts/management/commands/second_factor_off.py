"""`manage.py second_factor_off ADDRESS REASON`: for somebody who has lost both device and recovery codes."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts.models import User, with_address
from accounts.security import second_factor
from gas import audit


class Command(BaseCommand):
    """Take the second factor away; the user gets a mail, the reason goes into the audit log."""

    help = "Turn a user's second factor off. Make sure first that it is really them who asks."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Whose, and why."""
        parser.add_argument("address", help="e-mail address of the account")
        parser.add_argument("reason", help="why; it goes into the audit log")

    def handle(self, *args: Any, **options: Any) -> None:
        """Staff are asked to set up a new one at the next page."""
        user = User.objects.filter(with_address(options["address"])).first()
        if user is None:
            raise CommandError(f"There is no account with the address {options['address']}.")
        if user.second_factor is None:
            raise CommandError(f"{user.email} has no second factor.")
        if not options["reason"].strip():
            raise CommandError("Say why: the reason goes into the audit log.")
        with transaction.atomic():
            second_factor.turn_off(user)
            audit.record("second_factor.off_by_operator", None, f"user:{user.pk}", reason=options["reason"].strip())
        self.stdout.write(f"The second factor of {user.email} is off; they get a mail about it.")
