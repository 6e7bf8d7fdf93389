"""Two results side by side: what only one of them has, and what is said differently of what both have."""
