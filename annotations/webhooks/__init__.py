"""Events for a user's programs: a signed POST to an address of theirs, tried again until it is taken.

A body holds ids and states, never what is in a file: the program asks the interface for the rest.
`addresses` decides where may be called, `sending` calls, `deliveries` promises, tries again and gives up.
"""
