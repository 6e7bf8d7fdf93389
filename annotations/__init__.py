"""Submit a VCF, annotate it, show the result."""
