"""Three files of the week after: one changed its form, one broke off, one is still being sent.

None of them is loaded, so no published number depends on them: they are there so that every part
of the validation page has something to show. `rapport demo` writes them; docs/demo.md lists them.
"""

from __future__ import annotations

import csv
from pathlib import Path

CHANGED = "LakesideMBC_DATA_2026-11-07.csv"
CUT_OFF = "summit_export_2026-11-07.xlsx"
STILL_SENT = "sessions_2026-11-07.csv.part"
_EARLIER = "LakesideMBC_DATA_2026-10-31.csv"
_TURNED, _TOP = "srs_2", 10
_ITEMS = ("srs_1", "srs_2", "srs_3", "srs_4")
MOST_FORMS = 120  # of the changed form; the form watch judges from 30 on


def write_troubled_files(landing: Path) -> list[dict[str, str]]:
    """Write them beside the clinics' exports; return what the night must say of each."""
    _with_one_line_turned(landing / "lakeside")
    _cut_off(landing / "summit")
    _still_sent(landing / "harbor")
    return [
        {"clinic_id": "lakeside", "file": CHANGED, "state": "rejected", "rule_id": "F12"},
        {"clinic_id": "summit", "file": CUT_OFF, "state": "refused", "rule_id": "F01"},
        {"clinic_id": "harbor", "file": STILL_SENT, "state": "waits", "rule_id": ""},
    ]


def _with_one_line_turned(folder: Path) -> None:
    """Send the last complete SRS forms again with the ends of one line exchanged."""
    with (folder / _EARLIER).open(newline="", encoding="utf-8") as source:
        rows = csv.DictReader(source)
        names = list(rows.fieldnames or ())
        forms = [row for row in rows if row["redcap_repeat_instrument"] == "srs" and _whole(row)]
    with (folder / CHANGED).open("w", newline="", encoding="utf-8") as target:
        writer = csv.DictWriter(target, names, lineterminator="\n")
        writer.writeheader()
        for row in forms[-MOST_FORMS:]:
            row[_TURNED] = f"{_TOP - float(row[_TURNED]):g}"
            row["srs_total"] = f"{round(sum(float(row[name]) for name in _ITEMS), 1):g}"
            writer.writerow(row)


def _whole(row: dict[str, str]) -> bool:
    """Whether every line was marked within its ends: an error planted there is no form change."""
    try:
        return all(0 <= float(row[name]) <= _TOP for name in _ITEMS)
    except ValueError:
        return False


def _cut_off(folder: Path) -> None:
    content = (folder / "summit_export.xlsx").read_bytes()
    (folder / CUT_OFF).write_bytes(content[: len(content) // 2])


def _still_sent(folder: Path) -> None:
    with (folder / "sessions.csv").open(encoding="utf-8") as source:
        lines = [source.readline() for _ in range(20)]
    (folder / STILL_SENT).write_text("".join(lines)[:-15], encoding="utf-8")
