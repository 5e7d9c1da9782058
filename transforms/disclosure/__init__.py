"""What outsiders may read of an aggregate table: counts hidden or rounded, and all that tells them.

Knows: the declared structure of the public tables and the policy of the site. Others import
`structure`, `control` and `over_time`. Must not know: files, databases, clocks, who reads.
"""
