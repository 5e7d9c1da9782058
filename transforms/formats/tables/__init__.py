"""A table whichever way it was saved: as text or as a workbook."""
