"""The double as a WSGI application: Stripe's routes, its two kinds of pages, the test's switches."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from werkzeug.wrappers import Request, Response

from tests_e2e.emulators.stripe import checkout, customers, subscriptions
from tests_e2e.emulators.stripe.ledger import Ledger, Object
from tests_e2e.emulators.stripe.parameters import StripeRefusal, unfold
from tests_e2e.emulators.stripe.webhooks import Courier, Mess

API_KEY = "sk_test_double"
WEBHOOK_SECRET = "whsec_double"

Handler = Callable[..., Object]
ROUTES: list[tuple[str, str, Handler]] = [
    ("POST", r"/v1/customers", customers.create_customer),
    ("GET", r"/v1/customers/([^/]+)", customers.retrieve_customer),
    ("POST", r"/v1/customers/([^/]+)", customers.update_customer),
    ("DELETE", r"/v1/customers/([^/]+)", customers.delete_customer),
    ("POST", r"/v1/products", customers.create_product),
    ("POST", r"/v1/prices", customers.create_price),
    ("GET", r"/v1/prices", customers.list_prices),
    ("POST", r"/v1/checkout/sessions", checkout.create_session),
    ("GET", r"/v1/checkout/sessions", checkout.list_sessions),
    ("GET", r"/v1/checkout/sessions/([^/]+)", checkout.retrieve_session),
    ("POST", r"/v1/checkout/sessions/([^/]+)/expire", checkout.expire_session),
    ("POST", r"/v1/billing_portal/sessions", checkout.create_portal),
    ("POST", r"/v1/subscriptions", subscriptions.create_subscription),
    ("GET", r"/v1/subscriptions", subscriptions.list_subscriptions),
    ("GET", r"/v1/subscriptions/([^/]+)", subscriptions.retrieve_subscription),
    ("POST", r"/v1/subscriptions/([^/]+)", subscriptions.update_subscription),
    ("DELETE", r"/v1/subscriptions/([^/]+)", subscriptions.cancel_subscription),
    ("GET", r"/v1/invoices", subscriptions.list_invoices),
    ("POST", r"/v1/invoices/([^/]+)/pay", subscriptions.pay_invoice),
]


@dataclass
class Rule:
    """What to do to the next `times` requests whose "METHOD /path" matches.

    `status` 0 lets them through after `delay` seconds; with `after` the request is carried out
    and its answer lost.
    """

    pattern: str
    times: int
    status: int = 500
    delay: float = 0.0
    after: bool = False


class StripeDouble:
    """One Stripe account with a product and two prices, by the lookup keys `monthly` and `yearly`."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.courier = Courier(WEBHOOK_SECRET)
        self.ledger.listeners.append(self.courier.hear)
        self.rules: list[Rule] = []
        self.seen: list[str] = []
        self._answers: dict[str, tuple[str, int, str]] = {}  # idempotency key -> request, status, body
        product = customers.create_product(self.ledger, {"name": "GAS Premium"})
        for key, interval, amount in (("monthly", "month", "1900"), ("yearly", "year", "19000")):
            recurring = {"interval": interval}
            price = {"product": product["id"], "currency": "eur", "unit_amount": amount, "lookup_key": key}
            customers.create_price(self.ledger, {**price, "recurring": recurring})

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = Request(environ)
        self.ledger.base_url = request.host_url.rstrip("/")
        return self._answer(request)(environ, start_response)

    def _answer(self, request: Request) -> Response:
        if request.path.startswith("/_emulator/"):
            return self._control(request)
        if request.path == "/favicon.ico":
            return Response("", 204)
        label = f"{request.method} {request.path}"
        self.seen.append(label)
        rule = self._rule_for(label)
        if rule is not None:
            time.sleep(rule.delay)
            if rule.status and not rule.after:
                return _refused(StripeRefusal(rule.status, "api_error", "The double was told to fail."))
        answer = self._carry_out(request)
        if rule is not None and rule.status:
            return _refused(StripeRefusal(rule.status, "api_error", "The double was told to lose its answer."))
        return answer

    def _rule_for(self, label: str) -> Rule | None:
        with self.ledger.lock:
            for rule in self.rules:
                if rule.times > 0 and re.search(rule.pattern, label):
                    rule.times -= 1
                    return rule
        return None

    def _carry_out(self, request: Request) -> Response:
        with self.ledger.lock:
            try:
                if request.path.startswith(("/c/", "/p/")):
                    return self._page(request)
                return self._api(request)
            except StripeRefusal as refusal:
                return _refused(refusal)

    def _api(self, request: Request) -> Response:
        if request.headers.get("Authorization") != f"Bearer {API_KEY}":
            raise StripeRefusal(401, "invalid_request_error", "Invalid API Key provided.")
        handler, arguments = _route(request)
        raw = request.get_data(as_text=True) if request.method == "POST" else request.query_string.decode()
        key = request.headers.get("Idempotency-Key", "") if request.method == "POST" else ""
        fingerprint = f"{request.path}?{raw}"
        if key in self._answers:
            before, status, body = self._answers[key]
            if before != fingerprint:
                raise StripeRefusal(
                    400, "idempotency_error", "Keys for idempotent requests can only be used with the same parameters."
                )
            replayed = Response(body, status, content_type="application/json")
            replayed.headers["Idempotent-Replayed"] = "true"
            return replayed
        made = handler(self.ledger, unfold(parse_qsl(raw, keep_blank_values=True)), *arguments)
        body = json.dumps(_public(made))
        if key:
            self._answers[key] = (fingerprint, 200, body)
        return Response(body, 200, content_type="application/json")

    def _page(self, request: Request) -> Response:
        kind, identity = request.path.split("/")[1], request.path.rsplit("/", 1)[1]
        if kind == "c":
            if request.method == "POST":
                return Response("", 303, {"Location": checkout.complete(self.ledger, identity)})
            return Response(checkout.pay_page(self.ledger, identity), content_type="text/html")
        if request.method == "POST":
            action, _, argument = request.form["action"].partition(":")
            checkout.portal_action(self.ledger, identity, action, argument)
        return Response(checkout.portal_page(self.ledger, identity), content_type="text/html")

    def _control(self, request: Request) -> Response:
        name = request.path.removeprefix("/_emulator/")
        given = request.get_json(silent=True) or {}
        if name == "wait":  # without the lock: the courier may be telling a service that asks back
            self.courier.wait()
            return _json({})
        with self.ledger.lock:
            handler = getattr(self, f"_do_{name}", None)
            if handler is None:
                return Response(f"no switch {name}", 404)
            return _json(handler(**given))

    def _do_advance(self, seconds: int) -> Any:
        subscriptions.advance(self.ledger, seconds)
        return {"now": self.ledger.now()}

    def _do_endpoint(self, url: str) -> Any:
        self.courier.endpoint = url
        return {}

    def _do_hold(self) -> Any:
        self.courier.hold()
        return {}

    def _do_take(self, **mess: Any) -> Any:
        return self.courier.take(Mess(**mess))

    def _do_release(self, **mess: Any) -> Any:
        self.courier.release(Mess(**mess))
        return {}

    def _do_rule(self, **rule: Any) -> Any:
        self.rules.append(Rule(**rule))
        return {}

    def _do_clear_rules(self) -> Any:
        self.rules.clear()
        return {}

    def _do_card(self, customer: str, fails: bool) -> Any:
        self.ledger.get("customer", customer)["_card_fails"] = fails
        return {}

    def _do_complete(self, session: str) -> Any:
        return {"url": checkout.complete(self.ledger, session)}

    def _do_portal(self, session: str, action: str, argument: str = "") -> Any:
        checkout.portal_action(self.ledger, session, action, argument)
        return {}

    def _do_objects(self, kind: str, **where: Any) -> Any:
        return [_public(found) for found in self.ledger.all(kind, **where)]

    def _do_state(self) -> Any:
        return {"seen": self.seen, "now": self.ledger.now(), **self.courier.state()}


def _route(request: Request) -> tuple[Handler, tuple[str, ...]]:
    for method, pattern, handler in ROUTES:
        match = re.fullmatch(pattern, request.path)
        if match and method == request.method:
            return handler, match.groups()
    raise StripeRefusal(
        404, "invalid_request_error", f"The double does not know {request.method} {request.path}: teach it the route."
    )


def _public(made: Any) -> Any:
    """The object without what only the double knows."""
    if isinstance(made, dict):
        return {name: _public(value) for name, value in made.items() if not name.startswith("_")}
    if isinstance(made, list):
        return [_public(value) for value in made]
    return made


def _json(value: Any) -> Response:
    return Response(json.dumps(value), content_type="application/json")


def _refused(refusal: StripeRefusal) -> Response:
    return Response(json.dumps({"error": refusal.error}), refusal.status, content_type="application/json")
