"""Run the Stripe double as a process: `python -m tests_e2e.emulators.stripe --port 0 --ready-fd N`."""

from __future__ import annotations

from tests_e2e.emulators.loopback import serve_process
from tests_e2e.emulators.stripe.app import StripeDouble

serve_process(__doc__, StripeDouble)
