"""Rows of the `cf_` tables, one module per family, named as the table is.

Knows: which clients enter an estimate, and how an estimate becomes flat rows.
Must not know: files, forms, databases. The models import the functions that give rows.
"""
