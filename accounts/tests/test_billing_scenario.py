from __future__ import annotations

from dataclasses import dataclass

import pytest

from accounts.models import User
from accounts.tests.billing import broken, customer_of
from tests_e2e.emulators.stripe.control import StripeControl
from tests_e2e.stripe_scenario import EXPECTED, live_through, main

pytestmark = pytest.mark.django_db


@dataclass
class DoubleWorld:
    """The double's clock and its customers' cards."""

    control: StripeControl

    def customer(self, user: User) -> str:
        return customer_of(user)

    def advance(self, days: int) -> None:
        self.control.advance(days=days)

    def spoil_card(self, customer: str) -> None:
        self.control.card(customer, fails=True)


def test_the_scenario_of_stripes_test_mode_comes_as_expected_at_the_double(user: User, double: StripeControl):
    assert live_through(DoubleWorld(double), user) == EXPECTED
    assert not broken()


@pytest.mark.parametrize("key", ["", "sk_live_123"])
def test_without_a_test_key_nothing_is_begun(key: str, monkeypatch, capsys):
    monkeypatch.setenv("GAS_STRIPE_TEST_KEY", key)
    assert main() == 2
    assert "sk_test_" in capsys.readouterr().out
