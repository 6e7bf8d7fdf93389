"""Pages to sign up, sign in and look after an account."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login, update_session_auth_hash
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_required
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe
from django.views.generic import FormView
from social_django.models import UserSocialAuth

from accounts import plans, registration, terms
from accounts.access import signed_in, way_back
from accounts.billing.offers import offer_to
from accounts.erasure.work import scheduled_for
from accounts.forms import (
    AgreementForm,
    ChangePasswordForm,
    ConfirmForm,
    NewPasswordForm,
    NotificationForm,
    ProfileForm,
    ResetForm,
    SignInForm,
    SignUpForm,
)
from accounts.identities.pipeline import PENDING
from accounts.models import Plan, Registration, User
from accounts.security import sessions
from gas import outbox


@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def sign_up(request: HttpRequest) -> HttpResponse:
    """Ask for an account; the answer is the same for every address."""
    if request.user.is_authenticated:
        return redirect(settings.LOGIN_REDIRECT_URL)
    if settings.SIGNUP == "closed":
        return render(request, "accounts/sign_up_closed.html", status=403)
    form = SignUpForm(request.POST or None)
    if form.is_valid():
        registration.register(form.applicant())
        return redirect("accounts:sign_up_done")
    return render(
        request,
        "accounts/sign_up.html",
        {"form": form, "signup": settings.SIGNUP, "providers": settings.IDENTITY_PROVIDERS},
    )


@require_safe
def sign_up_done(request: HttpRequest) -> HttpResponse:
    """Look into your mail."""
    return render(request, "accounts/sign_up_done.html", {"hours": settings.REGISTRATION_HOURS})


@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """The link from the mail: with the password typed at sign-up it makes the user and signs in."""
    found = registration.find(token)
    if found is None:
        return render(request, "accounts/confirm_gone.html", status=404)
    if found.provider:
        return _confirm_by_identity(request, found)
    form = ConfirmForm(request.POST or None)
    if form.is_valid():
        try:
            return _enter(request, registration.confirm(found, form.cleaned_data["password"]))
        except registration.ConfirmationError as error:
            form.add_error("password", str(error))
    return render(request, "accounts/confirm.html", {"form": form, "email": found.email})


def _confirm_by_identity(request: HttpRequest, found: Registration) -> HttpResponse:
    """The provider stands for the password: this browser must have come from it under the same identity."""
    pending = request.session.get(PENDING) or {"provider": "", "uid": ""}
    identity = (pending["provider"], pending["uid"])
    is_here = identity == (found.provider, found.uid)
    if request.method == "POST" and is_here:
        try:
            user = registration.confirm_by_identity(found, identity)
        except registration.ConfirmationError as error:
            messages.error(request, str(error))
            return redirect("accounts:sign_in")
        del request.session[PENDING]
        return _enter(request, user)
    title = settings.IDENTITY_PROVIDERS.get(found.provider, found.provider)
    context = {"email": found.email, "provider": found.provider, "title": title, "is_here": is_here}
    return render(request, "accounts/identities/confirm.html", context)


def _enter(request: HttpRequest, user: User) -> HttpResponse:
    """Sign a new user in."""
    login(request, user, backend=registration.BACKEND)
    messages.success(request, "Your account is ready.")
    return redirect("annotations:submit")


class SignIn(auth_views.LoginView):
    """Sign in with address and password."""

    form_class = SignInForm
    template_name = "accounts/sign_in.html"
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The form, and the providers that are configured."""
        context = super().get_context_data(**kwargs)
        context.pop("site")  # Django's own, which would hide that of every page
        return {**context, "providers": settings.IDENTITY_PROVIDERS}


sign_out = auth_views.LogoutView.as_view()


class PasswordReset(FormView):  # type: ignore[type-arg]  # not generic when run
    """Ask for a link to choose a new password; the answer is the same for every address."""

    form_class = ResetForm
    template_name = "accounts/password_reset.html"
    success_url = reverse_lazy("accounts:password_reset_done")

    def form_valid(self, form: ResetForm) -> HttpResponse:
        """Promise the mail."""
        form.promise_mail()
        return super().form_valid(form)


class PasswordResetConfirm(auth_views.PasswordResetConfirmView):
    """Where the link leads: a new password. Django moves the token out of the address first."""

    form_class = NewPasswordForm  # type: ignore[assignment]  # the same calls, one field
    template_name = "accounts/password_reset_confirm.html"
    success_url = reverse_lazy("accounts:password_reset_complete")

    def form_valid(self, form: Any) -> HttpResponse:
        """Store it, and tell the owner by mail."""
        response = super().form_valid(form)
        sessions.end_others(form.user, "")
        promise_changed_mail(form.user)
        return response


class PasswordChange(LoginRequiredMixin, FormView):  # type: ignore[type-arg]  # not generic when run
    """Change the password; this session goes on under a new key, all others end."""

    form_class = ChangePasswordForm
    template_name = "accounts/password_change.html"
    success_url = reverse_lazy("accounts:password_change_done")

    def get_form_kwargs(self) -> dict[str, Any]:
        """The form asks for the password of this user."""
        return {**super().get_form_kwargs(), "request": self.request, "user": self.request.user}

    def form_valid(self, form: ChangePasswordForm) -> HttpResponse:
        """Store it, and tell the owner by mail."""
        user = form.save()
        update_session_auth_hash(self.request, user)
        sessions.end_others(user, sessions.own_id(self.request))
        promise_changed_mail(user)
        return super().form_valid(form)


@login_required
@require_safe
def password_change_done(request: HttpRequest) -> HttpResponse:
    """The password is changed."""
    return render(request, "accounts/password_change_done.html")


def promise_changed_mail(user: User) -> None:
    """A mail that the password was changed; the key names this very password's hash."""
    payload = {"template": "password_changed", "user": str(user.pk)}
    outbox.promise("accounts.mail", f"password_changed:{user.pk}:{user.password[-16:]}", payload)


@login_required
@require_http_methods(["GET", "POST"])
def agree(request: HttpRequest) -> HttpResponse:
    """The terms have changed since the user agreed to them."""
    user = signed_in(request)
    form = AgreementForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        terms.agree(request, user)
    if form.is_valid() or not terms.must_agree(user):
        return redirect(way_back(request))
    return render(request, "accounts/agree.html", {"form": form, "version": settings.TERMS_VERSION})


@login_required
@require_http_methods(["GET", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """Who the account belongs to."""
    user = signed_in(request)
    form = ProfileForm(request.POST or None, instance=user)
    if form.is_valid():
        form.save()
        messages.success(request, "Your profile is saved.")
        return redirect("accounts:profile")
    linked = UserSocialAuth.objects.filter(user=user).order_by("pk").values_list("provider", flat=True)
    context = {
        "form": form,
        "erasure": scheduled_for(user.pk),
        "identities": [settings.IDENTITY_PROVIDERS.get(name, name) for name in linked],
    }
    return render(request, "accounts/profile.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def notifications(request: HttpRequest) -> HttpResponse:
    """Which mails the user gets."""
    form = NotificationForm(request.POST if request.method == "POST" else None, instance=signed_in(request))
    if form.is_valid():
        form.save()
        messages.success(request, "Your choice is saved.")
        return redirect("accounts:notifications")
    return render(request, "accounts/notifications.html", {"form": form})


@login_required
@require_safe
def plan(request: HttpRequest) -> HttpResponse:
    """What the plan allows and what is left of it."""
    user = signed_in(request)
    rows = Plan.objects.order_by("max_file_bytes")
    offered = [{"code": row.code, "limits": plans.limits_of_plan(row)} for row in rows]
    context = {"plans": offered, "limits": plans.limits(user), "form_key": uuid4()}
    return render(request, "accounts/plan.html", context | {"offer": offer_to(user)})
