"""What is compared between nights and before publishing.

Knows: fingerprints, hashes, dbt's results, changed forms and classes. Steps import its modules.
Must not know: Airflow or the command line.
"""
