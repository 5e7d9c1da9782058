"""REDCap exports, read with their data dictionary."""
