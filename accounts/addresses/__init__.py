"""Changing the address of an account: asked for with a proof, confirmed at the new address, told to the old one."""
