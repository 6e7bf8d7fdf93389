"""Signing in through others: Globus, ORCID, Google, GitHub, any OpenID Connect provider."""
