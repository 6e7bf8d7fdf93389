"""The outside world on loopback: AWS, PostgreSQL, mail, Stripe and sign-in providers.

Each double speaks the real protocol to the real client library and refuses
what the real service refuses. What is to go wrong (a refusal, a lost event, a
cut connection) the test asks of the double; the AWS double, which runs as a
process of its own because moto keeps its state in globals, is asked over HTTP.
"""
