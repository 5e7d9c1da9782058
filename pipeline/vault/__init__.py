"""Keys, birth dates as ages, and facts that never leave: readable by their owner only.

Knows: identifiers. Steps import `keys`, `ages` and `facts`.
Must not know: anything published. Nothing here is logged.
"""
