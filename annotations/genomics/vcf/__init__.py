"""Reading variant call files: plain, gzip or BGZF, in chunks of whole lines held as arrays."""
