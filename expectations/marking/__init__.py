"""One pass over a delivery that marks every row with the rules it breaks.

Knows: compiled rules. Others import `marking`.
Must not know: whether a mark matters; judging says so.
"""
