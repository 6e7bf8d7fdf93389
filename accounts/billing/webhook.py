"""The one address that Stripe calls: signed, small, quick. All work is done later, by the outbox."""

from __future__ import annotations

import json
import logging

import stripe
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from accounts.billing import client, events

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 262_144  # Stripe's largest events are a few tens of kB
TOLERANCE_SECONDS = 300


@csrf_exempt
@require_POST
def receive(request: HttpRequest) -> HttpResponse:
    """Verify and store an event. 2xx means it is stored, and nothing more; anything else and Stripe sends it again."""
    if not client.is_enabled():
        return _answer("Billing is off here.\n", 404)
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
        return _answer("The body is too large.\n", 413)
    body = request.body
    # The SDK's comparison raises TypeError for what is not ASCII; such a signature is wrong anyway.
    signature = request.headers.get("Stripe-Signature", "").encode("ascii", "replace").decode("ascii")
    try:
        stripe.WebhookSignature.verify_header(body, signature, settings.STRIPE_WEBHOOK_SECRET, TOLERANCE_SECONDS)
        events.receive(json.loads(body))
    except (stripe.SignatureVerificationError, events.ForeignEventError, ValueError) as error:
        logger.warning("A webhook was refused: %s", type(error).__name__)
        return _answer("This is no event from Stripe.\n", 400)
    return _answer("Noted.\n")


def _answer(text: str, status: int = 200) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")
