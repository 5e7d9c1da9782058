"""The commands of `rapport` as a person gives them: options, help, exit codes.

Knows: which step or command answers, and how a refusal is said. Only `cli.py` imports it.
Must not know: how anything is done, and nothing heavy before a command is called.
"""
