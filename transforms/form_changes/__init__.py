"""Whether a form changed between two deliveries, from counts alone.

Knows: profiles of answers per item. Others import `profile` and `compare`.
Must not know: who answered, or what becomes of the file.
"""
