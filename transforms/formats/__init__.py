"""One module per export format; each turns a file into text rows that keep sheet and line."""
