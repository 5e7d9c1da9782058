"""A clinic's YAML as text, from what `inspection` guessed: ready to edit, with its doubts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from transforms.drafting.column_roles import Guess

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDS = ("null", "true", "false", "yes", "no", "on", "off", "y", "n")
Value = str | int | list["Value"] | dict[str, "Value"]
Keys = dict[str, Any]  # of a YAML map, each with a Value; what is put in is read again by its key


@dataclass(frozen=True)
class Idle:
    """A key of a feed that is written as a comment, and why."""

    key: str
    value: Value
    why: str


@dataclass(frozen=True)
class FeedDraft:
    """One feed of the draft. ``is_active``: written as YAML, else as a comment.

    idle : keys that stay comments when the feed's own marks are taken off
    """

    keys: Keys
    notes: tuple[str, ...] = ()
    is_active: bool = True
    idle: tuple[Idle, ...] = ()


@dataclass(frozen=True)
class Draft:
    """A clinic's YAML. ``keys`` are the top-level ones in order, without the feeds.

    columns : lines that say what becomes of every column of the file
    """

    file: str
    keys: Keys
    feeds: tuple[FeedDraft, ...] = ()
    notes: tuple[str, ...] = ()
    guesses: tuple[Guess, ...] = field(default=())
    columns: tuple[str, ...] = ()


def draft_text(draft: Draft) -> str:
    """Return the YAML. Column names stand in it, cells never."""
    lines = [
        f"# Drafted by `rapport inspect` from {_comment(draft.file)}. Nothing here was checked by",
        "# a person: read every line marked CHECK, replace every CHANGE_ME, then run",
        "# `rapport check` with the file. docs/clinic-yaml.md explains the keys.",
        *(f"# CHECK: {_comment(note)}" for note in draft.notes),
    ]
    by_key = {guess.what: guess for guess in draft.guesses}
    for key, value in draft.keys.items():
        lines.append(f"{key}: {_flow(value)}{_remark(by_key.get(key))}")
    if draft.feeds:
        lines.append("feeds:" if any(feed.is_active for feed in draft.feeds) else "# feeds:")
        for feed in sorted(draft.feeds, key=lambda one: not one.is_active):
            lines += _feed_lines(feed)
    lines += [f"# {line}".rstrip() for line in draft.columns]
    return "\n".join(lines) + "\n"


def _remark(guess: Guess | None) -> str:
    if guess is None or guess.confidence == "high":
        return ""
    return f"   # CHECK ({guess.confidence}): {_comment(guess.reason)}"


def _feed_lines(feed: FeedDraft) -> Iterator[str]:
    before = "  " if feed.is_active else "#  "
    for note in feed.notes:
        yield f"  # CHECK: {_comment(note)}"
    for number, (key, value) in enumerate(feed.keys.items()):
        yield f"{before}{'- ' if number == 0 else '  '}{key}: {_flow(value)}"
    for one in feed.idle:
        yield f"{before}  # {one.key}: {_flow(one.value)}   # CHECK: {_comment(one.why)}"


def _comment(text: str) -> str:
    return " ".join(text.split())


def _flow(value: Value) -> str:
    """Write a value on one line."""
    if isinstance(value, dict):
        inner = ", ".join(f"{_scalar(key)}: {_flow(one)}" for key, one in value.items())
        return f"{{{inner}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    return _scalar(value)


def _scalar(value: str | int) -> str:
    if isinstance(value, int):
        return str(value)
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return json.dumps(value, ensure_ascii=False)
