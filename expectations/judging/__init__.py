"""Great Expectations judges counts: suites, verdicts, regrade, its own pages.

Knows: counts per rule and file. Others import `judge`, `regrade`, `data_docs`.
Must not know: a row, a cell, a person.
"""
