"""How an account is held safe: sessions, second factor, tokens for programs."""
