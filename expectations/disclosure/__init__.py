"""Which published counts could give a small count away.

Knows: published counts and their sums. Others import `suppression` and `published_counts`.
Must not know: rows of people.
"""
