"""Rows of the `cf_` tables, one module per family, named as the table is.

Knows: which clients enter an estimate, how an estimate becomes flat rows, and what a table holds.
Must not know: files, forms, databases. The models fill a module's `CfTable` (`table.py`).
"""
