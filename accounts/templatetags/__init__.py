"""Filters that write amounts as people read them."""
