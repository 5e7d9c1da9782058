"""`rapport inspect`: what a file is likely to be, as a draft of the clinic's YAML.

Knows: column names, kinds of values and counts. Others import `inspect`.
Must not know: a night. It keeps no cell and loads nothing.
"""
