"""A result as one HTML file that needs nothing else: for a reviewer, for the printer, for the archive.

It says what was done with what: counts, plots, chosen variants, the receipt, and versions and digests
of the input, the reference, its sources, the outputs and the software.
"""
