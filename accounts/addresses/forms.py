"""The form for another address."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from accounts.models import User


class AddressForm(forms.Form):
    """The new address. Whether it has an account is said by mail only."""

    email = forms.EmailField(
        label="New e-mail",
        max_length=254,
        help_text="We send a link there; until you open it, everything stays as it is.",
        widget=forms.EmailInput(attrs={"autocomplete": "email", "autofocus": True}),
    )

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        self.user = user
        super().__init__(*args, **kwargs)

    def clean_email(self) -> str:
        """The address of now is none to change to, unless it was never confirmed."""
        email: str = self.cleaned_data["email"]
        if email.strip().lower() == self.user.email.lower() and self.user.email_confirmed_at is not None:
            raise ValidationError("This is the address of your account already.")
        return email
