"""What happens when a provider has said who somebody is.

An identity is (provider, subject), never an address. It signs in whom it is linked to; it is linked
by somebody signed in who has just proved that; or it waits in the session for the form that makes
an account. Nothing here looks for an account by its address.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from social_django.models import UserSocialAuth

from accounts.models import User
from accounts.security import fresh
from gas import audit, outbox

LINK = "link_identity"  # in the session: the provider that a signed-in user is linking
PENDING = "pending_identity"  # in the session: an identity that has no account yet


def decide(
    backend: Any, uid: str, details: dict[str, Any], user: User | None = None, **_: object
) -> dict[str, Any] | HttpResponse:
    """The last step of the pipeline: sign in, link, or go to the form for a new account."""
    request: HttpRequest = backend.strategy.request
    known = UserSocialAuth.objects.select_related("user").filter(provider=backend.name, uid=uid).first()
    if user is not None:
        return _link(request, user, backend.name, uid, known)
    if known is not None:
        return {"user": known.user, "social": known, "is_new": False}
    request.session[PENDING] = {
        "provider": backend.name,
        "uid": uid,
        "email": details.get("email") or "",
        "email_verified": details.get("email_verified") is True,
        "name": details.get("fullname") or "",
    }
    return redirect("accounts:welcome")


def _link(request: HttpRequest, user: User, provider: str, uid: str, known: UserSocialAuth | None) -> HttpResponse:
    """Link an identity to the signed-in user, who must have asked for that and proved who they are."""
    wanted = request.session.pop(LINK, None) == provider and fresh.is_fresh(request)
    if known is not None and known.user_id == user.pk:
        messages.success(request, "This identity is linked to your account already.")
    elif known is not None:
        messages.error(request, "This identity belongs to another account. Sign in with it there, and unlink it first.")
    elif not wanted:
        messages.error(request, "The identity was not linked. Begin from this page, with your password.")
    elif link(user, provider, uid):
        messages.success(request, "The identity is linked: you can sign in with it from now on.")
    else:
        messages.error(request, "This identity was linked to another account just now.")
    return redirect("accounts:security")


def link(user: User, provider: str, uid: str) -> bool:
    """Record the identity, tell the owner by mail, note it in the audit log. False: somebody has it."""
    try:
        with transaction.atomic():
            row = UserSocialAuth.objects.create(user=user, provider=provider, uid=uid, extra_data={})
            payload = {"template": "identity_linked", "user": str(user.pk)}
            outbox.promise("accounts.mail", f"identity_linked:{row.pk}", payload)
            audit.record("identity.linked", user, f"identity:{row.pk}", provider=provider)
    except IntegrityError:
        return False
    return True


class LastWayInError(Exception):
    """Without this identity nobody could sign in any more."""


def unlink(user: User, identity_id: int) -> bool:
    """Remove an identity of the user's. False: there is none. Raises LastWayInError."""
    with transaction.atomic():
        owner = User.objects.select_for_update().get(pk=user.pk)  # two at once must not remove both
        identities = UserSocialAuth.objects.filter(user=owner)
        if not identities.filter(pk=identity_id).exists():
            return False
        if identities.count() == 1 and not owner.has_usable_password():
            raise LastWayInError
        identities.filter(pk=identity_id).delete()
        payload = {"template": "identity_unlinked", "user": str(user.pk)}
        outbox.promise("accounts.mail", f"identity_unlinked:{identity_id}", payload)
        audit.record("identity.unlinked", user, f"identity:{identity_id}")
    return True
