"""The forms that share a result."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings

from annotations.sharing.granting import DAYS, DEFAULT_DAYS, Terms

_DAYS = [(days, "1 day" if days == 1 else "1 year" if days == 365 else f"{days} days") for days in DAYS]


class TermsForm(forms.Form):
    """For how long, and what readers may do."""

    days = forms.TypedChoiceField(label="It ends after", choices=_DAYS, coerce=int, initial=DEFAULT_DAYS)
    allows_downloads = forms.BooleanField(
        label="They may download the files",
        required=False,
        help_text="The genome browser reads the VCF itself, so it is open to them only then.",
    )

    def terms(self) -> Terms:
        """What was chosen."""
        data = self.cleaned_data
        return Terms(data["days"], data.get("needs_sign_in", True), data["allows_downloads"])


class LinkForm(TermsForm):
    """A link."""

    needs_sign_in = forms.BooleanField(label="They must sign in", required=False)
    field_order = ("days", "needs_sign_in", "allows_downloads")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not settings.PUBLIC_LINKS:  # there is nothing to choose
            del self.fields["needs_sign_in"]
            self.fields["days"].help_text = "Whoever opens the link has to sign in here."


class InviteForm(TermsForm):
    """A person, by address."""

    email = forms.EmailField(
        label="E-mail address",
        max_length=254,
        help_text="A mail tells them. They sign in with an account of this address.",
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    field_order = ("email", "days", "allows_downloads")
