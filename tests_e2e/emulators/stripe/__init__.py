"""A stateful double of Stripe on loopback, reached through the SDK's own base address.

Customers, products and prices, checkout sessions and the portal with pages of their own,
subscriptions and invoices under a clock that a test moves, idempotency keys, signed webhooks that
can be held, shuffled, sent again, dropped. What a request may say is read from the SDK's own
types; a route that is not here is a loud 404.
"""
