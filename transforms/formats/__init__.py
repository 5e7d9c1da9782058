"""One class per export format (`format`); each turns a file into text rows with their lines.

Knows: files, and the YAML's block of each format. Others import `recognition`, `source`, `format`.
Must not know: clinics and feeds; what they want comes as plain values (`request`).
"""
