"""Commands of the bottom layer."""
