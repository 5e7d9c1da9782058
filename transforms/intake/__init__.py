"""From what a reader gives to canonical rows with pseudonyms.

Knows: the clinic's mapping, the contract, the identifiers' way out. Others import `read_file`, `stage`.
Must not know: whether a row is right; the rules in expectations say so.
"""
