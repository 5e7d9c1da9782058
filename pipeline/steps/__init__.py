"""The steps of a night, in the order of `night.py`.

Knows: what one step reads and leaves behind. The night and the commands import its modules.
Must not know: Airflow, the command line, or when it runs.
"""
