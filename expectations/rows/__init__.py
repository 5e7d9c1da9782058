"""What a row is checked against: the delivery, the registry, courses, earlier answers.

Knows: relations of one marking pass. Others import `delivery` and `context`.
Must not know: a rule.
"""
