"""What `rapport` does beside the night: check, inspect, trace, status, regrade, export.

Knows: a home and what a person asked. Only the command line imports it.
Must not know: Airflow.
"""
