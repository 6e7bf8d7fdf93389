"""The bottom layer: settings, queue, outbox, audit, supervision. It imports no other app."""
