"""Estimators: from arrays to a value, an interval or the reason why there is none.

Knows: the mathematics, and the program or paper each estimator equals.
Must not know: clinics, instruments, tables or files. Others import its modules by name.
"""
