"""What a person does with a draft whose feeds are all comments: takes the marks off."""

from __future__ import annotations

import re


def taken_off(draft: str) -> str:
    """Return a draft with its feeds as YAML; keys that are comments of a feed stay comments."""
    plain = re.sub(r"^# feeds:$", "feeds:", draft, flags=re.M)
    return re.sub(r"^#  (- |  (?=\w))", r"  \1", plain, flags=re.M)
