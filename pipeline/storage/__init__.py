"""What a home holds on disk: landing, ledger, lake, quarantine, logs, profiles.

Knows: folders, files and the ledger's tables. Steps and commands import its modules.
Must not know: rules, scores or pages.
"""
