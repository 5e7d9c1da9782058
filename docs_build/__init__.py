"""Writes the generated pages below docs/: instruments, checks, data dictionary, dbt's site."""
