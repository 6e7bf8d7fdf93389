"""The page of one variant: its names, its transcripts as a picture, what sources say, where to look further.

A variant is found by `allele`, its number in the result's table; see annotations.explorer.
"""
