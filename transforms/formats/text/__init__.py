"""Delimited text: encoding, delimiter, quoting, header, files that belong side by side."""
