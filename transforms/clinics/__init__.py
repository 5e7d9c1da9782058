"""What a clinic's YAML says, and what is wrong with it, by line.

Knows: feeds, columns, formats and their options. Others import `clinic` and `yaml_file`.
Must not know: rows. Nothing here opens an export.
"""
