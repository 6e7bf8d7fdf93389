"""Pictures of a result, drawn on the server as SVG: plots, transcripts, proteins, and the report that holds them.

One drawing serves the page, the download and the report: docs/decisions/0020-pictures-from-the-server.md.
"""
