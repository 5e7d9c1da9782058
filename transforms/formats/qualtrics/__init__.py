"""Qualtrics exports with their two or three header rows."""
