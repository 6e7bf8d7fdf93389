"""The form for somebody a provider knows."""

from __future__ import annotations

from typing import Any

from django import forms

from accounts.forms import SignUpForm
from accounts.registration import Applicant


class WelcomeForm(SignUpForm):
    """As at sign-up, but the provider stands for the password, and perhaps for the address."""

    def __init__(self, pending: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        self.pending = pending
        super().__init__(*args, **kwargs)
        del self.fields["password"]
        if pending["email_verified"]:
            del self.fields["email"]
        else:
            self.fields["email"].widget = forms.EmailInput(attrs={"autocomplete": "email"})

    def applicant(self) -> Applicant:
        """What was written, with the identity that the session holds."""
        data = self.cleaned_data
        email = self.pending["email"] if self.pending["email_verified"] else data["email"]
        identity = (self.pending["provider"], self.pending["uid"])
        return Applicant(email, data["name"], data["institution"], None, identity)
