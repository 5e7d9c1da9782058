"""What a questionnaire is, how its answers become a score, and what change means on it.

Knows: the definitions in config/instruments. Others import `registry`, `scoring`, `change`.
Must not know: a clinic, a file, a row of a table.
"""
