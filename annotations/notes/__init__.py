"""Stars and notes of a person on variants of a result: theirs alone, whoever else may look at the result.

A variant is known by its contig, pos, REF and ALT as the result's table has them.
"""
