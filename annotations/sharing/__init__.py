"""A result shown to others, to read only: by a link with a secret in it, or to the holder of an address.

A share is one more way for `annotations.access` to say yes. It is looked at anew at every request,
so that what is revoked or expired ends at once, in browsers that have it open too. A link's secret
is kept as a digest; the address that holds it leads on to the job's own address at once.
"""
