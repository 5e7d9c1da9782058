"""Pages that name people: the morning's list and one client's course.

Knows: HTML and plots. Must not know: where a page is written; whoever asks for one puts it into the
vault. Others import `morning`, `case`.
"""
