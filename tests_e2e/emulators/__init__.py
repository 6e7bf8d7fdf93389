"""The outside world on loopback: AWS, PostgreSQL, mail, Stripe and sign-in providers.

Each double speaks the real protocol to the real client library and refuses
what the real service refuses. What a test wants to go wrong (a refusal, a lost
event, a cut connection) is asked of the double over HTTP, so that it works the
same whether the double runs in the test's process or in one of its own.
"""
