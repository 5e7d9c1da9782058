"""Damaged files of every format: each is loaded whole or refused with a reason.

No crash, no hang, no partial load, and nothing of the file in the reason. The same seeds damage
the same bytes on every machine.
"""

from __future__ import annotations

import random
import signal
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from benchmarks import export_writers as write
from benchmarks import survey_writers
from benchmarks.export_writers import Dialect, Export, Response
from tests.transforms.counted import n_expected, n_left_out
from tests.transforms.delivered import expected_rows, staged_rows, staged_with_notes
from transforms.errors import FileRefused, RapportError

CANARY = "Quillfeather"
RESPONSES = [
    Response(
        f"{CANARY}-{n % 4}",
        datetime(2026, 5, 1, 9) + timedelta(days=7 * n),
        (n % 11 / 1, 2.5, None if n % 3 else 7.0, 10.0),
    )
    for n in range(12)
]
GERMAN = Dialect("cp1252", ";", "\r\n", ",")
FORMATS: dict[str, Export] = {
    "csv": write.delimited(RESPONSES),
    "csv, cp1252, semicolon, CRLF": write.delimited(RESPONSES, GERMAN),
    "csv, UTF-16": write.delimited(RESPONSES, Dialect("utf-16")),
    "csv.gz": write.gzipped(write.delimited(RESPONSES)),
    "zip": write.zipped(write.delimited(RESPONSES)),
    "xlsx": write.workbook(RESPONSES),
    "redcap": write.redcap(RESPONSES),
    "qualtrics": write.qualtrics(RESPONSES),
    "fhir": write.fhir(RESPONSES),
    "wide": write.wide(RESPONSES),
    "long": write.long(RESPONSES),
    "limesurvey": survey_writers.limesurvey(RESPONSES),
    "google forms": survey_writers.google_forms(RESPONSES),
    "microsoft forms": survey_writers.microsoft_forms(RESPONSES),
    "surveymonkey": survey_writers.surveymonkey(RESPONSES),
}
# Their bytes carry check sums: what is loaded is what was sent.
CHECKED = ("csv.gz", "zip", "xlsx")
LONGEST_SECONDS = 20


def flipped(content: bytes, chance: random.Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(chance.choice([1, 1, 2, 8])):
        damaged[chance.randrange(len(damaged))] ^= chance.randrange(1, 256)
    return bytes(damaged)


def cut(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content))]


def spliced(content: bytes, chance: random.Random) -> bytes:
    """Put a piece of another format's file into this one."""
    other = chance.choice(list(FORMATS.values())).content
    start, at = chance.randrange(len(other)), chance.randrange(len(content))
    return content[:at] + other[start : start + chance.choice([1, 9, 300])] + content[at:]


def doubled(content: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(content))
    block = content[start : start + chance.choice([1, 7, 80, 700])]
    return content[:start] + block + content[start:]


def bitten(content: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(content))
    return content[:start] + content[start + chance.choice([1, 7, 80]) :]


def scrambled(content: bytes, chance: random.Random) -> bytes:
    """Put signs with a meaning of their own where others stood."""
    damaged = bytearray(content)
    for _ in range(chance.choice([1, 3])):
        damaged[chance.randrange(len(damaged))] = chance.choice(b'",;\t|\r\n\0\xff\x1a{}[]\\<>&=')
    return bytes(damaged)


DAMAGES = [flipped, cut, spliced, doubled, bitten, scrambled]


@contextmanager
def no_longer_than(seconds: int):
    """Fail when the block hangs."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"still reading after {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def outcome(name: str, content: bytes, folder) -> str:
    """Deliver damaged bytes; return `loaded` or the refusal's code, or fail."""
    export = replace(FORMATS[name], content=content)
    refused, rows, notes = None, [], []
    try:
        with no_longer_than(LONGEST_SECONDS):
            rows, notes = staged_with_notes(export, folder)
    except RapportError as error:
        refused = error
    if refused:
        assert CANARY not in str(refused)
        # Whatever led to the refusal might quote a cell: nothing is chained to it.
        assert refused.__context__ is refused.__cause__ is None
        return refused.code if isinstance(refused, FileRefused) else "other"
    assert CANARY not in str(notes)
    if name in CHECKED:
        # A gzip that stands twice in a file is, by its format, its content twice.
        n_times = max(1, len(rows) // len(RESPONSES)) if name == "csv.gz" else 1
        assert rows == sorted(expected_rows(RESPONSES) * n_times, key=str)
    else:
        assert len(rows) + n_left_out(notes) == n_expected(name, export)
    return "loaded"


def damage_all(folder, numbers: range, seed: int) -> dict[str, Counter]:
    """Damage files of every format in turn; return the outcomes by format."""
    found = {name: Counter() for name in FORMATS}
    names = list(FORMATS)
    for number in numbers:
        name = names[number % len(names)]
        chance = random.Random(f"{seed}/{number}")
        content = chance.choice(DAMAGES)(FORMATS[name].content, chance)
        try:
            found[name][outcome(name, content, folder)] += 1
        except Exception as error:
            raise AssertionError(f"{name}, file {number} of seed {seed}") from error
    return found


def test_undamaged_files_are_loaded(tmp_path):
    for name, export in FORMATS.items():
        assert staged_rows(export, tmp_path) == expected_rows(RESPONSES), name


def test_damaged_files_are_loaded_whole_or_refused(tmp_path):
    found = damage_all(tmp_path, range(225), seed=1)

    assert sum(map(Counter.total, found.values())) == 225
    for name, outcomes in found.items():
        assert outcomes.total() - outcomes["loaded"] > 1, name
        assert outcomes["other"] == 0, name


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 10_000, 500))
def test_ten_thousand_damaged_files(tmp_path, capsys, first):
    """In twenty parts, so that one part can be run again by itself."""
    found = damage_all(tmp_path, range(first, first + 500), seed=2)

    with capsys.disabled():
        for name, outcomes in found.items():
            print(f"\n{name:30}", dict(sorted(outcomes.items())), end="")
    assert sum(map(Counter.total, found.values())) == 500
    assert all(outcomes["other"] == 0 for outcomes in found.values())
