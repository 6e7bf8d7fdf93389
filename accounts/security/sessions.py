"""Which browsers are signed in: seen by the middleware, listed and ended on the security page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from accounts.models import User
from accounts.security import fresh
from accounts.security.models import SignIn
from gas import audit

View = Callable[[HttpRequest], HttpResponseBase]
SEEN = "seen"  # in the session: [sign-in, session key, moment]
WRITE_EVERY = timedelta(minutes=5)  # so that a page view costs no write
BATCH = 200


def keep_track(get_response: View) -> View:
    """Note that a signed-in browser was here, and sign out one that was away for too long."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.user.is_authenticated:
            _note(request)
        return get_response(request)

    return middleware


def _note(request: HttpRequest) -> None:
    now = timezone.now()
    sign_in, key, moment = request.session.get(SEEN) or ("", "", "")
    if sign_in and key == request.session.session_key:
        away = now - datetime.fromisoformat(moment)
        if away > timedelta(hours=settings.SESSION_IDLE_HOURS):
            logout(request)
            return
        if away < WRITE_EVERY:
            return
    # The key changes when the password does, so the row is found by its id.
    found = SignIn.objects.filter(pk=sign_in, user=request.user.pk) if sign_in else SignIn.objects.none()
    if not found.update(session_key=request.session.session_key, last_seen_at=now):
        sign_in = str(_new(request, now).pk)
        fresh.note_proof(request)
    request.session[SEEN] = [sign_in, request.session.session_key, now.isoformat()]


def _new(request: HttpRequest, now: datetime) -> SignIn:
    browser = request.headers.get("User-Agent", "")[:200]
    # The row may be there already: what an answer of 5xx put into the session is not saved.
    values = {"user_id": request.user.pk, "browser": browser, "created_at": now, "last_seen_at": now}
    sign_in, is_new = SignIn.objects.update_or_create(session_key=request.session.session_key, defaults=values)
    if is_new:  # whatever way they came in by: every one leads here
        audit.record("sign in", sign_in.user, f"sign_in:{sign_in.pk}")
    return sign_in


def own_id(request: HttpRequest) -> str:
    """The id of the sign-in that this request belongs to."""
    return str((request.session.get(SEEN) or ("",))[0])


def end(user: User, sign_in_id: UUID) -> bool:
    """End one session of the user's; its cookie is worth nothing from now on."""
    keys = SignIn.objects.filter(user=user, pk=sign_in_id).values_list("session_key", flat=True)
    return _end_sessions(list(keys))


def end_others(user: User, keep_id: str) -> bool:
    """End all sessions of the user's but one."""
    others = SignIn.objects.filter(user=user)
    if keep_id:
        others = others.exclude(pk=keep_id)
    keys = others.values_list("session_key", flat=True)
    return _end_sessions(list(keys))


def _end_sessions(keys: list[str]) -> bool:
    Session.objects.filter(session_key__in=keys).delete()
    return bool(SignIn.objects.filter(session_key__in=keys).delete()[0])


def listed(user: User) -> list[SignIn]:
    """The user's sessions that go on, the last used first."""
    going_on = Session.objects.filter(session_key=OuterRef("session_key"), expire_date__gt=Now())
    return list(SignIn.objects.filter(Exists(going_on), user=user).order_by("-last_seen_at"))


def forget_over() -> None:
    """Delete rows of sessions that are over: signed out, expired, or idle for too long. Bounded, for the sweep."""
    longest = timezone.now() - timedelta(hours=settings.SESSION_IDLE_HOURS)
    gone = ~Exists(Session.objects.filter(session_key=OuterRef("session_key")))
    over = SignIn.objects.filter(gone | Q(last_seen_at__lt=longest))
    _end_sessions(list(over.values_list("session_key", flat=True)[:BATCH]))


def browser_name(agent: str) -> str:
    """What a User-Agent means, in two words: "Firefox on Linux"."""
    browsers = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrom", "Chrome"), ("Safari", "Safari"))
    systems = (
        ("Windows", "Windows"),
        ("Android", "Android"),
        ("iPhone", "iOS"),
        ("iPad", "iOS"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    )
    browser = next((name for mark, name in browsers if mark in agent), "A browser")
    system = next((f" on {name}" for mark, name in systems if mark in agent), "")
    return browser + system
