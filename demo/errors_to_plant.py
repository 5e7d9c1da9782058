"""What goes wrong in the demo clinics: each kind of error, where it fits, which rule catches it.

Errors that keep a row out are planted where nothing else refers to the row: sessions nobody
attended, clients who never started. So one error is one finding, unless ``also`` says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from demo.clinics import EXTRACT_DATE
from demo.tables import Tables
from transforms.statistics.arrays import Bools

Changes = dict[str, object]
Row = dict[str, Any]  # cells as they were, and under ``previous`` those of the row above
FAR_FUTURE = datetime(2099, 3, 1, 10, 0)
DUPLICATE = "duplicate"


@dataclass(frozen=True)
class Kind:
    """One kind of error.

    rule_id : the rule that must catch it; ``duplicate`` is no rule but a line of the balance.
    where : rows the error fits on.
    changes : what the cell says instead, from the row as it was.
    also : further rules the same row may break.
    hits_both : the row it collides with breaks the rule as well.
    is_copy : the row is repeated at the end of the file, with the changes.
    fits_per_error, rows_per_error : fitting rows, and rows of the table, that one error needs, so
        that a small demo never crosses the share above which a whole file is rejected.
    """

    rule_id: str
    table: str
    column: str
    what: str
    where: Callable[[Tables], Bools]
    changes: Callable[[Row, int], Changes]
    also: tuple[str, ...] = ()
    hits_both: bool = False
    is_copy: bool = False
    fits_per_error: int = 1
    rows_per_error: int = 1
    n: int = 2


def _form(
    instrument: str, *, without_total: bool = False, with_total: bool = False
) -> Callable[[Tables], Bools]:
    def where(tables: Tables) -> Bools:
        table = tables["responses"]
        fits = _equal(table, "instrument", instrument)
        fits &= _settled(table, "completed_at")
        if without_total or with_total:
            has_total = pc.is_valid(table.column("submitted_total")).to_numpy()
            fits &= has_total if with_total else ~has_total
        fits[0] = False  # some errors refer to the row above
        for item in range(1, 5):  # no item left out among the first
            fits &= pc.is_valid(table.column(f"item_{item}")).to_numpy()
        return fits

    return where


def _bools(column: pa.ChunkedArray) -> Bools:
    values: Bools = column.to_numpy()
    return values


def _days(table: pa.Table, column: str) -> NDArray[np.datetime64]:
    days: NDArray[np.datetime64] = table.column(column).to_numpy().astype("datetime64[D]")
    return days


def _equal(table: pa.Table, column: str, value: str) -> Bools:
    return _bools(pc.fill_null(pc.equal(table.column(column), value), False))


def _settled(table: pa.Table, column: str) -> Bools:
    """Rows dated a month or more before the extract."""
    latest = np.datetime64(EXTRACT_DATE) - np.timedelta64(30, "D")
    times: NDArray[np.datetime64] = table.column(column).to_numpy()
    return times < latest


def _missed(tables: Tables) -> Bools:
    """Sessions nobody attended: no form names them."""
    sessions = tables["sessions"]
    return ~attended(tables) & _settled(sessions, "session_at")


def attended(tables: Tables) -> Bools:
    """Sessions that took place."""
    took_place = pa.array(["attended", "late"])
    return _bools(pc.is_in(tables["sessions"].column("attendance"), value_set=took_place))


def _missed_after_attended(tables: Tables) -> Bools:
    """Sessions nobody attended right after an attended one of the same episode."""
    episode = tables["sessions"].column("episode_id").combine_chunks().dictionary_encode()
    codes = episode.indices.to_numpy()
    fits = np.zeros(len(codes), bool)
    fits[1:] = (codes[1:] == codes[:-1]) & attended(tables)[:-1]
    return fits & _missed(tables)


def _with_homework(tables: Tables) -> Bools:
    return _bools(pc.is_valid(tables["sessions"].column("homework_percent")))


def _not_taken_on(tables: Tables) -> Bools:
    """Episodes without any booking."""
    return _equal(tables["episodes"], "discharge_reason", "not_taken_on")


def _not_taken_on_later(tables: Tables) -> Bools:
    """Episodes without any booking, begun when sessions were already held."""
    first = _days(tables["sessions"], "session_at").min()
    has_begun: Bools = _days(tables["episodes"], "start_date") >= first
    return _not_taken_on(tables) & has_begun


def _long_closed(tables: Tables) -> Bools:
    start, end = _days(tables["episodes"], "start_date"), _days(tables["episodes"], "end_date")
    return ~np.isnat(end) & ((end - start).astype(int) > 40)


def _moved(tables: Tables) -> Bools:
    return _equal(tables["episodes"], "discharge_reason", "moved_or_stepped")


def _idle_therapist(tables: Tables) -> Bools:
    fits = np.zeros(tables["therapists"].num_rows, bool)
    fits[-1] = True
    return fits


def _put(**values: object) -> Callable[[Row, int], Changes]:
    return lambda row, number: dict(values)


def _later(hours: float, *columns: str) -> Callable[[Row, int], Changes]:
    return lambda row, number: {name: row[name] + timedelta(hours=hours) for name in columns}


def _start_after(hours: float) -> Callable[[Row, int], Changes]:
    return lambda row, number: {"started_at": row["completed_at"] + timedelta(hours=hours)}


def _unknown_id(column: str, prefix: str, **blank: object) -> Callable[[Row, int], Changes]:
    return lambda row, number: {column: f"{prefix}{99_999 - number}", **blank}


def _day(days: int, column: str, start: str = "start_date") -> Callable[[Row, int], Changes]:
    return lambda row, number: {column: row[start] + timedelta(days=days)}


def _second_visit(row: Row, number: int) -> Changes:
    before = row["previous"]["session_at"]
    return {"session_at": before.replace(hour=19, minute=30), "attendance": "attended"}


def _id_of_the_row_above(row: Row, number: int) -> Changes:
    return {"response_id": row["previous"]["response_id"]}


def _overlapping(row: Row, number: int) -> Changes:
    return {
        "episode_id": f"HE{99_990 - number}",
        "start_date": row["start_date"] + timedelta(days=10),
        "discharge_reason": "not_taken_on",
    }


def _earlier_twin(row: Row, number: int) -> Changes:
    return {
        "response_id": f"SR{99_990 - number}",
        "completed_at": row["completed_at"] - timedelta(minutes=90),
        "started_at": row["started_at"] - timedelta(minutes=90),
        "item_1": (row["item_1"] + 1) % 5,
        "submitted_total": None,
    }


def _bad_day(row: Row, number: int) -> Changes:
    return {"session_at": "2026-02-31 10:00"}


CANONICAL_CSV = (
    Kind("S04", "responses", "item_4", "answer above the range", _form("phq9"), _put(item_4=7)),
    Kind("S07", "responses", "item_3", "word in an answer", _form("gad7"), _put(item_3="often")),
    Kind("S07", "responses", "item_2", "missing-value code left among the answers", _form("phq9"),
         _put(item_2=99)),
    Kind("S03", "responses", "instrument", "instrument that no registry knows", _form("gad7"),
         _put(instrument="mood_scale")),
    Kind("S02", "responses", "client_id", "client nobody delivered", _form("phq9"),
         _unknown_id("client_id", "HC9", session_id="", episode_id="")),
    Kind("S02", "responses", "session_id", "session nobody delivered", _form("wai_sr"),
         _unknown_id("session_id", "HS99")),
    Kind("S01", "responses", "response_id", "two questionnaires under one id", _form("wai_sr"),
         _id_of_the_row_above, hits_both=True, fits_per_error=300),
    Kind(DUPLICATE, "responses", "", "row twice in the file", _form("gad7"), _put(), is_copy=True,
         n=3),
    Kind("S19", "responses", "completed_at", "completed in the future", _form("phq9"),
         _put(completed_at=FAR_FUTURE, started_at=""), also=("S21",)),
    Kind("S20", "responses", "started_at", "started an hour after it was completed",
         _form("gad7"), _start_after(hours=1)),
    Kind("S23", "responses", "rater", "rater who does not exist", _form("phq9"),
         _put(rater="supervisor")),
    Kind("N02", "sessions", "attendance", "attendance code nobody knows", _missed,
         _put(attendance="arrived")),
    Kind("N03", "sessions", "duration_min", "session of 400 minutes", attended,
         _put(duration_min=400), fits_per_error=150),
    Kind("N04", "sessions", "session_at", "session a year before its episode", _missed,
         _later(-365 * 24, "session_at")),
    Kind("N07", "sessions", "session_type", "type of session nobody knows", _missed,
         _put(session_type="therapy hour")),
    Kind("N12", "sessions", "session_at", "second attended session on a day",
         _missed_after_attended, _second_visit),
    Kind("F09", "sessions", "attendance", "required cell left empty", _missed,
         _put(attendance="")),
    Kind("F11", "sessions", "homework_percent", "percentage above 100", _with_homework,
         _put(homework_percent=140)),
    Kind("F06", "episodes", "problem", "e-mail address in a free-text column", _not_taken_on,
         _put(problem="write to jo@example.org"), n=1, rows_per_error=150),
    Kind("F07", "episodes", "problem", "formula in a text column", _not_taken_on,
         _put(problem="=SUM(A1:A9)")),
    Kind("E01", "episodes", "end_date", "end before the start", _not_taken_on,
         _day(-10, "end_date")),
    Kind("E02", "episodes", "start_date", "second episode inside the first", _long_closed,
         _overlapping, is_copy=True),
    Kind("E03", "episodes", "discharge_reason", "discharge reason nobody knows", _moved,
         _put(discharge_reason="finished nicely")),
    Kind("E04", "episodes", "discharge_reason", "completed without a session", _not_taken_on_later,
         _put(discharge_reason="completed")),
    Kind("E06", "episodes", "referral_date", "referred after the start", _not_taken_on,
         _day(20, "referral_date")),
    Kind("T04", "therapists", "valid_to", "leaves before the first day", _idle_therapist,
         _day(-30, "valid_to", "valid_from"), n=1),
)  # fmt: skip

REDCAP = (
    Kind("S05", "responses", "item_2", "mark between two tenths",
         _form("srs", without_total=True), _put(item_2="8.37")),
    Kind("S04", "responses", "item_3", "mark beyond the end of the line", _form("ors"),
         _put(item_3="12.4")),
    Kind("S07", "responses", "item_1", "word in an answer", _form("ors"), _put(item_1="skipped")),
    Kind("S09", "responses", "submitted_total", "total is not the sum of its lines",
         _form("srs", with_total=True), lambda row, number: {
             "submitted_total": round(row["submitted_total"] - 3.5, 1)}, fits_per_error=300),
    Kind("S02", "responses", "session_id", "session nobody delivered", _form("srs"),
         _unknown_id("session_id", "LS99")),
    Kind("S19", "responses", "completed_at", "completed in the future", _form("ors"),
         _put(completed_at=FAR_FUTURE), also=("S21",)),
    Kind(DUPLICATE, "responses", "", "row twice in the file", _form("ors"), _put(), is_copy=True,
         n=3),
    Kind("N02", "sessions", "attendance", "attendance code without a meaning", _missed,
         _put(attendance="9")),
    Kind("N03", "sessions", "duration_min", "session of 2 minutes", attended,
         _put(duration_min=2), fits_per_error=150),
    Kind("F10", "sessions", "session_at", "date that does not exist", _missed, _bad_day),
    Kind("E01", "episodes", "end_date", "end before the start", _not_taken_on,
         _day(-10, "end_date")),
    Kind("E04", "episodes", "discharge_reason", "completed without a session", _not_taken_on_later,
         _put(discharge_reason="1"), n=1),
)  # fmt: skip

WORKBOOK = (
    Kind("S04", "responses", "item_7", "answer above the range", _form("wai_sr"),
         _put(item_7=7)),
    Kind("S05", "responses", "item_2", "half a point", _form("core10", without_total=True),
         _put(item_2=2.5)),
    Kind("S07", "responses", "item_3", "word in an answer", _form("wai_sr"),
         _put(item_3="skipped")),
    Kind("S09", "responses", "submitted_total", "total is not the sum of its items",
         _form("core10", with_total=True), lambda row, number: {
             "submitted_total": row["submitted_total"] + 4}, fits_per_error=300),
    Kind("S16", "responses", "started_at", "open for three days", _form("core10"),
         _start_after(hours=-72),
         fits_per_error=60),
    Kind("S17", "responses", "completed_at", "the same form twice on a day", _form("core10"),
         _earlier_twin, is_copy=True),
    Kind("S21", "responses", "completed_at", "form a year and a half before its episode",
         _form("core10"), _later(-550 * 24, "completed_at", "started_at"), fits_per_error=60),
    Kind("S22", "responses", "completed_at", "alliance rated four days after the session",
         _form("wai_sr"), _later(4 * 24, "completed_at", "started_at"), fits_per_error=60),
    Kind(DUPLICATE, "responses", "", "row twice in the file", _form("core10"), _put(),
         is_copy=True),
    Kind("N02", "sessions", "attendance", "attendance code nobody knows", _missed,
         _put(attendance="seen")),
    Kind("N04", "sessions", "session_at", "session a year before its episode", _missed,
         _later(-365 * 24, "session_at")),
    Kind("F07", "sessions", "modality", "formula in a text column", _missed,
         _put(modality="@SUM(A1:A9)")),
    Kind("F11", "sessions", "homework_percent", "percentage above 100", _with_homework,
         _put(homework_percent=140)),
    Kind("E03", "episodes", "discharge_reason", "discharge reason nobody knows", _moved,
         _put(discharge_reason="finished nicely"), n=1),
)  # fmt: skip

KINDS = {"harbor": CANONICAL_CSV, "lakeside": REDCAP, "summit": WORKBOOK}
