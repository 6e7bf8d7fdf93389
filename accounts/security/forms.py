"""Forms of the security page."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from accounts.models import User
from accounts.security.tokens import MAX_DAYS, SCOPES


class CodeForm(forms.Form):
    """A code of the second factor."""

    code = forms.CharField(
        max_length=40,
        help_text="Six digits from your app, or one of your recovery codes.",
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "autofocus": True, "spellcheck": "false", "autocapitalize": "off"}
        ),
    )


class FirstCodeForm(CodeForm):
    """The first code of a factor that is being set up."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].help_text = "The six digits that your app shows now."


class PasskeyForm(forms.Form):
    """A passkey that the script has had the browser make."""

    name = forms.CharField(
        label="Name of the passkey",
        max_length=64,
        help_text="Where it is kept: this phone, the key on your ring.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    answer = forms.CharField(widget=forms.HiddenInput)


class ProveForm(forms.Form):
    """The password once more."""

    password = forms.CharField(
        max_length=128,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )

    def __init__(self, request: HttpRequest, user: User, *args: Any, **kwargs: Any) -> None:
        self.request = request
        self.user = user
        super().__init__(*args, **kwargs)

    def clean_password(self) -> str:
        """Wrong ones count as failed sign-ins do, so guessing here is paused as well."""
        password: str = self.cleaned_data["password"]
        if authenticate(self.request, username=self.user.email, password=password) != self.user:
            raise ValidationError("This is not your password.")
        return password


class TokenForm(forms.Form):
    """A new token for a program."""

    name = forms.CharField(
        max_length=100,
        help_text="Where it is used: a pipeline, a machine.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scopes = forms.MultipleChoiceField(
        label="It may",
        choices=list(SCOPES.items()),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose what the token may do."},
    )
    days = forms.IntegerField(label="Days until it expires", min_value=1, max_value=MAX_DAYS, initial=90)
