"""What happened to a user's results: told in the pages, and to programs by `annotations.webhooks`.

Written in the transaction that makes it true, once for each key. Mails have promises of their own.
"""
