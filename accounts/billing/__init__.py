"""Paying by Stripe. Off, and its pages hidden, until there is a key.

Stripe's API is the truth about subscriptions and an event only a hint that something changed:
whatever arrives, in whatever order and how often, leads to reading all subscriptions again
(`sync`). What was read is stored in BillingAccount; `accounts.plans` derives the plan from it.
"""
