"""The kinds of check a rule may be of: what it is told, and the SQL that finds what breaks it.

Knows: rows of one delivery beside what the lake holds; one class per kind. Others import `kinds`
and `finding`. Must not know: severity, thresholds or what becomes of a row; rules and judging say.
"""
