"""A compiled reference: an assembly's sequence and genes as arrays. Import from its modules."""
