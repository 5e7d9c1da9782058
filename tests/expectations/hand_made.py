"""One clinic's delivery typed in by hand: sound as it stands, to be broken row by row."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from pathlib import Path

import duckdb

from expectations.catalogue import Catalogue, load_rules
from expectations.marking.marking import mark
from expectations.rows.context import Service
from tests.expectations.hand_made_registry import write_registry
from transforms.contract import TABLES, lake_columns

RECEIVED_AT = datetime(2026, 1, 1, 6, 0)
SCORES = (
    "response_key uuid, file_id varchar, source_line bigint, instrument_id varchar, "
    "version varchar, rater varchar, scale varchar, score double, "
    "n_answered integer, is_prorated boolean, score_source varchar, submitted_score double, "
    "submitted_fits varchar"
)


def key(label: str) -> str:
    """Return the pseudonym of a label, the same every time."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, label))


def items(*answers: float | None) -> dict[str, float | None]:
    """Return answers as item columns."""
    return {f"item_{number}": answer for number, answer in enumerate(answers, start=1)}


WAI = items(5, 4, 5, 4, 5, 4, 3, 4, 5, 4, 5, 4)
PHQ = items(1, 0, 2, 3, 1, 0, 2, 1, 0)


def sound_rows() -> dict[str, dict[str, dict]]:
    """Return a delivery without a fault: two clients, one of them with one attended session."""
    return {
        "clients": {
            label: {"client_key": key(label), "gender": "female"} for label in ("anna", "bert")
        },
        "therapists": {
            "t1": {
                "therapist_row_key": key("t1 row"),
                "therapist_key": key("t1"),
                "profession": "psychologist",
                "years_practising": 5,
                "valid_from": date(2020, 1, 1),
                "valid_to": date(2025, 12, 31),
            },
            "t2": {"therapist_row_key": key("t2 row"), "therapist_key": key("t2")},
        },
        "episodes": {
            "e1": {
                "episode_key": key("e1"),
                "client_key": key("anna"),
                "therapist_key": key("t1"),
                "referral_date": date(2024, 12, 1),
                "start_date": date(2025, 1, 10),
                "end_date": date(2025, 6, 30),
                "discharge_reason": "completed",
                "problem": "depression",
            },
            "e2": {
                "episode_key": key("e2"),
                "client_key": key("bert"),
                "therapist_key": key("t2"),
                "start_date": date(2025, 12, 1),
            },
        },
        "sessions": {
            "s1": _session("s1", "anna", "e1", "t1", datetime(2025, 1, 10, 10, 0)),
            "s2": _session("s2", "anna", "e1", "t1", datetime(2025, 1, 17, 10, 0)),
            "s3": _session("s3", "bert", "e2", "t2", datetime(2025, 12, 5, 14, 0)),
            "s4": _session("s4", "bert", "e2", "t2", datetime(2025, 12, 12, 14, 0), "dna"),
        },
        "responses": {
            "r1": _response("r1", "anna", "wai_sr", datetime(2025, 1, 10, 11, 0), "s1") | WAI,
            "r2": _response("r2", "anna", "phq9", datetime(2025, 1, 10, 9, 30), "s1") | PHQ,
            "r3": _response("r3", "bert", "phq9", datetime(2025, 12, 5, 13, 30), "s3") | PHQ,
        },
    }


def _session(label, client, episode, therapist, at, attendance="attended") -> dict:
    return {
        "session_key": key(label),
        "client_key": key(client),
        "episode_key": key(episode),
        "therapist_key": key(therapist),
        "session_at": at,
        "attendance": attendance,
        "session_type": "treatment",
        "duration_min": 50,
        "homework_percent": 80,
    }


def _response(label, client, instrument, completed_at, session) -> dict:
    version = {"ors": "adult"}.get(instrument, "standard")
    return {
        "response_key": key(label),
        "client_key": key(client),
        "instrument_id": instrument,
        "version": version,
        "rater": "client",
        "completed_at": completed_at,
        "session_key": key(session),
        "language": "any",
        "mode": "web",
    }


class Delivery:
    """A delivery on its way to the marking pass; rows by label, lines in order."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.con = duckdb.connect(config={"threads": 1})
        self.rows = sound_rows()
        self.scores: list[tuple] = []
        self.marks: list[dict] = []
        self.counts: list[dict] = []
        # What the vault tells: (therapist, is_placeholder, has_alias), (client, start, age).
        self.therapist_ids: list[tuple] = []
        self.ages: list[tuple] = []
        # Clients that another identifier differs from in writing only: (client,).
        self.client_ids: list[tuple] = []
        self.service = Service()
        write_registry(self.con, folder / "registry")

    def change(self, table: str, row: str, **values) -> Delivery:
        """Change cells of a row; a row nobody has is a copy of the table's first one."""
        rows = self.rows[table]
        if row not in rows:
            first = dict(next(iter(rows.values())))
            rows[row] = first | {TABLES[table].key: key(f"{row} row")}
        rows[row] |= values
        return self

    def without(self, *tables: str) -> Delivery:
        """Leave tables out of the delivery."""
        for table in tables:
            del self.rows[table]
        return self

    def mark(self, rules: Catalogue | None = None) -> Delivery:
        """Stage the rows, mark them, and read marks and counts back."""
        staged = {table: self._stage(table) for table in self.rows}
        mark(
            self.con,
            staged,
            self.folder / "lake",
            self.folder / "registry",
            rules or load_rules(),
            clinic_id="north",
            run_id="run-1",
            received_at=RECEIVED_AT,
            marks_path=self.folder / "marks.parquet",
            counts_path=self.folder / "counts.parquet",
            scores=self._stage_scores(),
            therapist_ids=self._stage_told(
                "therapist_ids",
                "therapist_key uuid, is_placeholder boolean, has_alias boolean",
                self.therapist_ids,
            ),
            ages=self._stage_told(
                "ages", "client_key uuid, start_date date, age_years integer", self.ages
            ),
            client_ids=self._stage_told("client_ids", "client_key uuid", self.client_ids),
            service=self.service,
        )
        self.marks = self._read("marks.parquet")
        self.counts = self._read("counts.parquet")
        return self

    def count(self, rule: str, table: str | None = None) -> tuple[int, int]:
        """Return (n_scope, n_failed) of a rule over all files."""
        own = [c for c in self.counts if c["rule_id"] == rule and table in (None, c["table_name"])]
        assert own, f"{rule} was not counted"
        assert not [c["error"] for c in own if c["error"]], own
        return sum(c["n_scope"] for c in own), sum(c["n_failed"] for c in own)

    def marked(self, rule: str) -> list[tuple[str, str | None]]:
        """Return (row, column) of the marks of a rule."""
        labels = {
            row[TABLES[table].key]: label
            for table, rows in self.rows.items()
            for label, row in rows.items()
        }
        return sorted(
            (labels[str(m["row_key"])] if m["row_key"] else None, m["column_name"])
            for m in self.marks
            if m["rule_id"] == rule
        )

    def failing(self) -> list[str]:
        """Return the ids of all rules a row breaks."""
        return sorted({c["rule_id"] for c in self.counts if c["n_failed"] or c["error"]})

    def put_into_lake(self, table: str, *rows: str) -> Delivery:
        """Move rows of the delivery to the lake, as an earlier delivery."""
        moved = {row: self.rows[table].pop(row) for row in rows}
        path = self.folder / "lake" / table / "clinic=north" / "earlier.parquet"
        self._write(table, moved, path, "earlier")
        return self

    def hold_scores(self, *scores: tuple[str, str, float | None]) -> Delivery:
        """Give rows of the delivery an earlier one in the lake, with scores (row, scale, score)."""
        held = {row: self.rows["responses"][row] for row, _, _ in scores}
        path = self.folder / "lake" / "responses" / "clinic=north" / "earlier.parquet"
        self._write("responses", held, path, "earlier")
        lines = {row: line for line, row in enumerate(held, start=2)}
        self.con.execute(f"create or replace temp table made_scores ({SCORES})")
        for row, scale, score in scores:
            self.con.execute(
                "insert into made_scores (response_key, file_id, source_line, scale, score) "
                "values (?, 'earlier', ?, ?, ?)",
                [held[row]["response_key"], lines[row], scale, score],
            )
        path = self.folder / "lake" / "scores" / "clinic=north" / "earlier.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        self.con.execute(f"copy made_scores to '{path}' (format parquet)")
        return self

    def _stage(self, table: str) -> list[Path]:
        """Write one file per value of ``file``, a key of the row that is no column."""
        files: dict[str, dict] = {}
        for label, row in self.rows[table].items():
            files.setdefault(row.get("file", f"f{table}"), {})[label] = row
        paths = []
        for file_id, rows in files.items():
            path = self.folder / "staged" / table / f"{file_id}-0.parquet"
            self._write(table, rows, path, file_id)
            paths.append(path)
        return paths

    def _write(self, table: str, rows: dict, path: Path, file_id: str) -> None:
        extra = {
            column: "DOUBLE"
            for row in rows.values()
            for column in row
            if column.startswith(("item_", "submitted_"))
        }
        columns = lake_columns(TABLES[table]) | extra | {"bad_cells": "VARCHAR[]"}
        path.parent.mkdir(parents=True, exist_ok=True)
        typed = ", ".join(f"{column} {kind}" for column, kind in columns.items())
        self.con.execute(f"create or replace temp table made ({typed})")
        for line, row in enumerate(rows.values(), start=2):
            provenance = {
                "clinic_id": "north",
                "source_file": f"{table}.csv",
                "source_line": line,
                "file_id": file_id,
                "received_at": RECEIVED_AT,
            }
            full = provenance | row
            self.con.execute(
                f"insert into made values ({', '.join('?' for _ in columns)})",
                [full.get(column) for column in columns],
            )
        self.con.execute(f"copy made to '{path}' (format parquet)")

    def _stage_told(self, name: str, columns: str, rows: list[tuple]) -> list[Path]:
        if not rows:
            return []
        self.con.execute(f"create or replace temp table told ({columns})")
        self.con.executemany(f"insert into told values ({', '.join('?' for _ in rows[0])})", rows)
        self.con.execute(f"copy told to '{self.folder / name}.parquet' (format parquet)")
        return [self.folder / f"{name}.parquet"]

    def _stage_scores(self) -> list[Path]:
        if not self.scores:
            return []
        path = self.folder / "scores.parquet"
        self.con.execute(f"create or replace temp table made_scores ({SCORES})")
        lines = {row: line for line, row in enumerate(self.rows["responses"], start=2)}
        for row, scale, score, submitted, is_prorated, *more in self.scores:
            values = [
                self.rows["responses"][row]["response_key"],
                "fresponses",
                lines[row],
                *(self.rows["responses"][row][c] for c in ("instrument_id", "version", "rater")),
                scale,
                score,
                more[0] if more else 12,
                is_prorated,
                "computed",
                submitted,
                more[1] if len(more) > 1 else None,
            ]
            self.con.execute(f"insert into made_scores values ({', '.join('?' * 13)})", values)
        self.con.execute(f"copy made_scores to '{path}' (format parquet)")
        return [path]

    def _read(self, file: str) -> list[dict]:
        rows = self.con.execute(f"select * from '{self.folder / file}'")
        columns = [column[0] for column in rows.description]
        return [dict(zip(columns, row, strict=True)) for row in rows.fetchall()]
