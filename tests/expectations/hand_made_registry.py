"""A small registry typed in by hand, written as the lake's registry files."""

from __future__ import annotations

from pathlib import Path

import duckdb

_NONE = (None,) * 5
# fmt: off
# instrument, version, rater, family, timing, n_items, n_item_columns, min, max, step, supplied,
# n_reversed, age_low, age_high, primary_scale
DEFINITIONS = [
    ("wai_sr", "standard", "client", "alliance", "after_session", 12, 12, 1, 5, 1, False,
     0, None, None, "mean"),
    ("wai_s", "standard", "client", "alliance", "after_session", 12, 12, 1, 7, 1, False,
     2, None, None, "total"),
    ("wai_s", "standard", "therapist", "alliance", "after_session", 12, 12, 1, 7, 1, False,
     2, None, None, "total"),
    ("phq9", "standard", "client", "outcome", "before_session", 9, 10, 0, 3, 1, False,
     0, None, None, "total"),
    ("wsas", "standard", "client", "outcome", "before_session", 5, 5, 0, 8, 1, False,
     0, None, None, "total"),
    ("ors", "adult", "client", "outcome", "before_session", 4, 4, 0, 10, 0.1, False,
     0, 18, 120, "total"),
    ("psq", "standard", "client", "rupture", "after_session", *_NONE, True,
     None, None, None, "occurrence"),
    ("icb", "standard", "therapist", "countertransference", "any", *_NONE, True,
     None, None, None, "total"),
]
# instrument, version, rater, scale, min_answered, rc_value; PHQ-9: 6 points, ORS: 5 (domain.md 1.3)
SCALES = [
    ("wai_sr", "standard", "client", "mean", 12, None),
    ("wai_sr", "standard", "client", "bond", 4, None),
    ("phq9", "standard", "client", "total", 9, 6.0),
    ("ors", "adult", "client", "total", 4, 5.0),
]
# fmt: on


def write_registry(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Write ``instruments.parquet`` and ``scales.parquet``."""
    folder.mkdir(parents=True)
    con.execute(
        "create temp table definitions (instrument_id varchar, version varchar, rater varchar,"
        " family varchar, timing varchar, n_items integer, n_item_columns integer,"
        " item_min double, item_max double, item_step double, is_scores_supplied boolean,"
        " n_reversed integer, age_low integer, age_high integer, primary_scale varchar)"
    )
    con.executemany(f"insert into definitions values ({', '.join('?' * 15)})", DEFINITIONS)
    con.execute(
        "copy (select *, 'any' as language, true as is_default,"
        " family = 'alliance' or instrument_id = 'ors' as higher_is_better from definitions)"
        f" to '{folder / 'instruments.parquet'}' (format parquet)"
    )
    con.execute(
        "create temp table scales (instrument_id varchar, version varchar, rater varchar,"
        " scale varchar, min_answered integer, rc_value double)"
    )
    con.executemany("insert into scales values (?, ?, ?, ?, ?, ?)", SCALES)
    con.execute(f"copy scales to '{folder / 'scales.parquet'}' (format parquet)")
