"""What is promised of published tables, and the audit that looks before they are published.

Knows: a built database. Others import `audit` and `measures`.
Must not know: how a table was made.
"""
