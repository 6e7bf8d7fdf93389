"""What an allele does to a transcript. Begin with consequences.py."""
