"""Proof that the person who deletes an account is its owner."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import User

FRESH = timedelta(minutes=10)


class DeleteForm(forms.Form):
    """The password once more; who signs in by a provider must have done so just now instead."""

    password = forms.CharField(
        max_length=128,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, request: HttpRequest, user: User, *args: Any, **kwargs: Any) -> None:
        self.request = request
        self.user = user
        super().__init__(*args, **kwargs)
        if not user.has_usable_password():
            del self.fields["password"]

    def clean(self) -> dict[str, Any]:
        """Wrong passwords count as failed sign-ins do, so guessing here is paused as well."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if "password" not in self.fields:
            if self.user.last_login is None or timezone.now() - self.user.last_login > FRESH:
                raise ValidationError("Sign out and in again, then come back within ten minutes.")
        elif "password" in cleaned and not self._is_own(cleaned["password"]):
            self.add_error("password", "This is not your password.")
        return cleaned

    def _is_own(self, password: str) -> bool:
        return bool(authenticate(self.request, username=self.user.email, password=password) == self.user)
