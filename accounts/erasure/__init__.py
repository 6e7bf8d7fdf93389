"""Deleting an account: asked for, a day to think again, then everything goes, step by step.

The steps are the erasers that the apps register; each is idempotent, so that a deletion that was
cut short begins again and goes on. The row of the deletion stays: an id of ours and moments.
"""
