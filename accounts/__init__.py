"""Users, sign-in, plans, billing and erasure."""
