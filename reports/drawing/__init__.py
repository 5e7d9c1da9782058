"""Figures, templates, wording and spreadsheet cells that both reports use.

Knows: HTML, SVG, Excel. Must not know: a table of ours.
Others import `figures`, `templating`, `wording`.
"""
