"""What the plan page says about paying."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import stripe

from accounts.billing import client
from accounts.billing.models import BillingAccount, Standing
from accounts.erasure import work as erasures
from accounts.models import PlanCode, User

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Offer:
    """The state of a user's billing and what can be bought.

    `prices` is None while Stripe does not tell them; `leaving`: the account will be deleted, and
    nothing is sold to it; `set_by_admin`: an admin decided for Premium, which paying would not change.
    """

    account: BillingAccount | None
    prices: list[client.Price] | None
    leaving: bool
    set_by_admin: bool

    @property
    def subscribed(self) -> bool:
        """There is a subscription, with a failed payment or not."""
        return self.account is not None and self.account.standing != Standing.NONE


def offer_to(user: User) -> Offer | None:
    """The offer to a user; None where billing is off. Asks Stripe for prices at most once in ten minutes."""
    if not client.is_enabled():
        return None
    try:
        prices: list[client.Price] | None = client.prices()
    except stripe.StripeError as error:
        logger.warning("Stripe does not tell the prices: %s", type(error).__name__)
        prices = None
    return Offer(
        account=BillingAccount.objects.filter(pk=user.pk).first(),
        prices=prices,
        leaving=erasures.scheduled_for(user.pk) is not None,
        set_by_admin=user.plan_override == PlanCode.PREMIUM and user.is_premium,
    )
