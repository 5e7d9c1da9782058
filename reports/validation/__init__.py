"""The validation report: what became of every file, row and rule.

Knows: quality tables of a release. The report step imports `page`.
Must not know: how a rule is decided.
"""
