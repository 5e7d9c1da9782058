"""Resources of a FHIR file, one by one, from JSON that must be what it claims to be.

NDJSON is read line by line. A Bundle is decoded entry by entry from its text, so that memory
holds the text and one entry. JSON that other programs might read differently is refused: a key
that occurs twice, NaN, numbers without bound, half a surrogate pair, endless nesting.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transforms.errors import FileRefused
from transforms.formats.text.encoding import TextFile, as_utf8

LONGEST_LINE = 16 * 1024**2
LARGEST_BUNDLE = 512 * 1024**2
_LONGEST_NUMBER = 40
_BLANKS = re.compile(r"[ \t\n\r]*")  # RFC 8259, section 2
_ODD_ESCAPE = re.compile(r"\\u(d[89a-f]|0000)", re.IGNORECASE)
_RESPONSE = re.compile(r'\s*\{\s*"resourceType"\s*:\s*"QuestionnaireResponse"')
_REMEDY = "Export it again as FHIR R4 JSON"


Json = dict[str, Any]  # one object; what a key holds is looked at where it is used


class _Odd(Exception):  # noqa: N818 - never leaves this module
    """JSON we do not accept; says why, without the text."""


@dataclass(frozen=True)
class Found:
    """One resource. ``position`` is its line in NDJSON, its entry's number in a Bundle, else 1."""

    position: int
    resource: Json
    full_url: str = ""

    @property
    def kind(self) -> str:
        """Type of the resource; empty if it says none."""
        kind = self.resource.get("resourceType")
        return kind if isinstance(kind, str) else ""


class ResourceFile:
    """A FHIR file that can be read more than once. Close it to remove what it decoded."""

    def __init__(self, path: Path, scratch: Path) -> None:
        self.path = path
        self.text: TextFile = as_utf8(path, scratch)
        self.is_ndjson = _is_ndjson(path, self.text)
        self.where = "line" if self.is_ndjson else "entry"

    def __enter__(self) -> ResourceFile:
        return self

    def __exit__(self, *_: object) -> None:
        if self.text.path != self.path:
            self.text.path.unlink(missing_ok=True)

    def resources(self, *, responses: bool = True) -> Iterator[Found]:
        """Yield every resource; without ``responses`` lines that are one are not even decoded.

        Raises
        ------
        FileRefused
            F01 no JSON, or JSON we do not accept; F06 no FHIR resources.
        """
        return self._lines(responses) if self.is_ndjson else self._entries()

    def refusal(self, position: int, what: str) -> FileRefused:
        """Return a refusal that names the place."""
        return FileRefused("F01", f"{self.where.capitalize()} {position} {what}", _REMEDY)

    def _lines(self, responses: bool) -> Iterator[Found]:
        with self.text.path.open(encoding="utf-8-sig", newline="\n") as stream:
            number = 0
            while line := stream.readline(LONGEST_LINE + 1):
                number += 1
                if len(line) > LONGEST_LINE:
                    raise self.refusal(number, "is longer than 16 MiB")
                if line.isspace() or (not responses and _RESPONSE.match(line)):
                    continue
                resource = self._decoded(line, number)
                if resource.get("resourceType") == "Bundle":
                    raise self.refusal(number, "is a Bundle inside NDJSON")
                yield Found(number, resource)

    def _entries(self) -> Iterator[Found]:
        if self.text.path.stat().st_size > LARGEST_BUNDLE:
            raise FileRefused("F01", "The Bundle is larger than 512 MiB", "Export it as NDJSON")
        walk = _Walk(self.text.path.read_text(encoding="utf-8-sig"))
        while True:
            why = ""
            try:
                entry = walk.next_entry()
            except _Odd as odd:
                why = str(odd)
            if why:  # raised outside the handler, so that nothing is chained to it
                raise self.refusal(walk.n_entries + 1, why)
            if entry is None:
                break
            if not isinstance(entry, dict) or "resource" in entry:
                yield self._of_entry(entry, walk.n_entries)
        if not walk.has_entries:
            yield Found(1, walk.top)
        elif walk.top.get("resourceType") != "Bundle":
            raise FileRefused("F06", "The file is no FHIR Bundle", _REMEDY)

    def _of_entry(self, entry: object, number: int) -> Found:
        own = entry if isinstance(entry, dict) else {}
        resource = own.get("resource")
        if not isinstance(resource, dict) or resource.get("resourceType") == "Bundle":
            raise self.refusal(number, "of the Bundle holds no resource")
        full_url = own.get("fullUrl", "")
        return Found(number, resource, full_url if isinstance(full_url, str) else "")

    def _decoded(self, line: str, number: int) -> Json:
        try:
            return decoded(line)
        except _Odd as odd:
            why = str(odd)
        raise self.refusal(number, why)


def decoded(text: str) -> Json:
    """Decode one JSON object."""
    value, end = _value(text, _after_blanks(text, 0))
    if _after_blanks(text, end) != len(text):
        raise _Odd("is not one JSON object")
    if not isinstance(value, dict):
        raise _Odd("is not a JSON object")
    return value


def _after_blanks(text: str, start: int) -> int:
    blanks = _BLANKS.match(text, start)
    return blanks.end() if blanks else start


def _value(text: str, start: int) -> tuple[object, int]:
    try:
        value, end = _DECODER.raw_decode(text, start)
    except RecursionError:
        raise _Odd("is nested too deeply") from None
    except ValueError:
        raise _Odd("is not JSON, or cut off") from None
    if _ODD_ESCAPE.search(text, start, end):
        _refuse_odd_characters(value)
    return value, end


def _refuse_odd_characters(value: object) -> None:
    written = json.dumps(value, ensure_ascii=False)
    if "\\u0000" in written or any("\ud800" <= mark <= "\udfff" for mark in written):
        raise _Odd("holds characters that cannot be stored")


def _once(pairs: list[tuple[str, object]]) -> Json:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise _Odd("has a key twice in one object")
    return content


def _whole(digits: str) -> int:
    if len(digits) > _LONGEST_NUMBER:
        raise _Odd("holds a number that is too long")
    return int(digits)


def _decimal(digits: str) -> float:
    value = float(digits) if len(digits) <= _LONGEST_NUMBER else math.inf
    if math.isinf(value):
        raise _Odd("holds a number that is too long or too large")
    return value


def _constant(name: str) -> object:
    raise _Odd("holds NaN or Infinity, which is not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_once, parse_int=_whole, parse_float=_decimal, parse_constant=_constant
)


class _Walk:
    """Goes through the text of one JSON object, entry by entry; keeps its other keys."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.top: Json = {}
        self.n_entries = 0
        self.has_entries = False
        self._state = "begin"

    def next_entry(self) -> object | None:
        """Return the next entry of the Bundle, or None at the end of the file."""
        if self._state == "begin":
            self._take("{")
            self._state = "first_key"
        while self._state != "end":
            if self._state == "entries":
                entry = self._next_of_list()
                if entry is not None:
                    return entry
            else:
                self._next_key()
        return None

    def _next_key(self) -> None:
        if self._peek() == "}":
            self._take("}")
            if self._peek():
                raise _Odd("is followed by more than one JSON object")
            self._state = "end"
            return
        if self._state == "key":
            self._take(",")
        self._state = "key"
        self._skip()
        key, self.at = _value(self.text, self.at)
        if not isinstance(key, str):
            raise _Odd("is not JSON, or cut off")
        if key in self.top:
            raise _Odd("has a key twice in one object")
        self._take(":")
        if key == "entry" and self._peek() == "[":
            self._take("[")
            self.has_entries = True
            self.top[key] = None
            self._state = "entries"
            return
        self._skip()
        self.top[key], self.at = _value(self.text, self.at)

    def _next_of_list(self) -> object | None:
        if self._peek() == "]":
            self._take("]")
            self._state = "key"
            return None
        if self.n_entries:
            self._take(",")
        self._skip()
        entry, self.at = _value(self.text, self.at)
        self.n_entries += 1
        return entry if entry is not None else {}

    def _skip(self) -> None:
        self.at = _after_blanks(self.text, self.at)

    def _peek(self) -> str:
        self._skip()
        return self.text[self.at : self.at + 1]

    def _take(self, mark: str) -> None:
        if self._peek() != mark:
            raise _Odd("is not JSON, or cut off")
        self.at += 1


def _is_ndjson(path: Path, text: TextFile) -> bool:
    """Whether the file is NDJSON: by name, or its first line is one object and more follow."""
    if path.suffix.lower() in (".ndjson", ".jsonl"):
        return True
    with text.path.open(encoding="utf-8-sig", newline="\n") as stream:
        first = stream.readline(LONGEST_LINE)
        if first.lstrip()[:1] == "<":
            raise FileRefused("F01", "The file is XML", "Export it as FHIR R4 JSON")
        has_more = any(not line.isspace() for line in iter(lambda: stream.readline(1024), ""))
    if not has_more or first.rstrip()[-1:] != "}":
        return False
    with suppress(_Odd):
        return bool(decoded(first))
    return False
