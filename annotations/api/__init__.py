"""The interface for programs, version 1: what the job pages do, with a token and in JSON."""
