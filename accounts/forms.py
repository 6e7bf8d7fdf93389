"""Forms of the account pages."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django import forms
from django.contrib.auth import authenticate, password_validation
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from accounts.models import User, with_address
from accounts.registration import Applicant
from gas import clock, outbox


class AgreementForm(forms.Form):
    """The terms and the processing of genetic data, agreed to by a tick each."""

    terms = forms.BooleanField(
        label="I agree to the terms, and have read what happens to my data.",
        error_messages={"required": "There is no account without the terms."},
    )
    consent = forms.BooleanField(
        label="I consent explicitly to the processing of the genetic data that I upload. It is mine, or those it "
        "belongs to, or an ethics board, have agreed.",
        error_messages={"required": "Without your agreement we may not process genetic data."},
    )


class SignUpForm(AgreementForm):
    """Asks for an account. Whether the address has one already is said by mail only."""

    name = forms.CharField(max_length=150, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    email = forms.EmailField(
        label="E-mail",
        max_length=254,
        help_text="We send a link to this address; the account starts when you open it.",
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    institution = forms.CharField(
        max_length=200, required=False, widget=forms.TextInput(attrs={"autocomplete": "organization"})
    )
    password = forms.CharField(
        max_length=128,
        strip=False,
        help_text="At least 10 characters. A few words in a row are easy to keep and hard to guess.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    field_order = ("name", "email", "institution", "password", "terms", "consent")

    def clean(self) -> dict[str, Any]:
        """The password is measured against the name and address typed beside it."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        password = cleaned.get("password")
        if password:
            person = User(email=cleaned.get("email", ""), name=cleaned.get("name", ""))
            try:
                password_validation.validate_password(password, person)
            except ValidationError as error:
                self.add_error("password", error)
        return cleaned

    def applicant(self) -> Applicant:
        """What was written, once the form is valid."""
        data = self.cleaned_data
        return Applicant(data["email"], data["name"], data["institution"], data["password"])


class ConfirmForm(forms.Form):
    """The password chosen at sign-up, asked again where the link from the mail leads."""

    password = forms.CharField(
        max_length=128,
        strip=False,
        help_text="The one you chose when you signed up.",
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )


NO_SUCH_ACCOUNT = (
    "No account has this e-mail address with this password. Check both, or reset the password. "
    "Have you just signed up? Then open the link in the mail first."
)


class SignInForm(AuthenticationForm):
    """Address and password; one message for every way it can be wrong."""

    error_messages = {
        "invalid_login": NO_SUCH_ACCOUNT,
        "inactive": NO_SUCH_ACCOUNT,
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = "E-mail"
        self.fields["username"].widget = forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True})


class ResetForm(forms.Form):
    """Asks for a link to choose a new password; page, time and effect are the same for every address."""

    email = forms.EmailField(
        label="E-mail", max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "email", "autofocus": True})
    )

    def promise_mail(self) -> None:
        """Promise the mail; at most one in ten minutes goes to an address."""
        email = self.cleaned_data["email"].strip().lower()
        user = User.objects.filter(with_address(email), is_active=True).first()
        window = clock.database_now().strftime("%Y%m%d%H%M")[:-1]
        address = salted_hmac("accounts.reset", email).hexdigest()
        # For an address without an account the message names nobody, and its handler does nothing.
        payload = {"template": "password_reset", "user": str(user.pk if user else uuid4())}
        outbox.promise("accounts.mail", f"reset:{address}:{window}", payload)


class NewPasswordForm(forms.Form):
    """A new password, typed once: browsers show and keep it."""

    new_password = forms.CharField(
        max_length=128,
        strip=False,
        help_text="At least 10 characters. All other sessions of yours end.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        self.user = user
        super().__init__(*args, **kwargs)

    def clean_new_password(self) -> str:
        """Refuse what is easy to guess."""
        password: str = self.cleaned_data["new_password"]
        password_validation.validate_password(password, self.user)
        return password

    def save(self) -> User:
        """Store the password; the hash in each session no longer fits, which ends them."""
        self.user.set_password(self.cleaned_data["new_password"])
        self.user.save(update_fields=["password"])
        return self.user


class ChangePasswordForm(NewPasswordForm):
    """The password of now and a new one."""

    old_password = forms.CharField(
        label="Password now",
        max_length=128,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )
    field_order = ("old_password", "new_password")

    def __init__(self, request: HttpRequest, user: User, *args: Any, **kwargs: Any) -> None:
        self.request = request
        super().__init__(user, *args, **kwargs)

    def clean_old_password(self) -> str:
        """Wrong ones count as failed sign-ins do, so guessing here is paused as well."""
        password: str = self.cleaned_data["old_password"]
        if authenticate(self.request, username=self.user.email, password=password) != self.user:
            raise ValidationError("This is not your password of now.")
        return password


class NotificationForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic when run
    """Which mails a user wants."""

    class Meta:
        model = User
        fields = ("mail_job_ended", "mail_going_cold", "mail_results_back")
        labels = {
            "mail_job_ended": "A job is done, or failed",
            "mail_going_cold": "Results are about to be archived",
            "mail_results_back": "Archived results are back",
        }


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic when run
    """What a user may change about themself; the address has a way of its own."""

    class Meta:
        model = User
        fields = ("name", "institution")
        widgets = {
            "name": forms.TextInput(attrs={"autocomplete": "name"}),
            "institution": forms.TextInput(attrs={"autocomplete": "organization"}),
        }
