"""From a client's answers to the table cells that count them, step by step.

The only command that shows a person's answers: on the terminal, for one key somebody typed, and
nowhere else. Reads the published release and the lake; writes and logs nothing.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import duckdb
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from pipeline.home import Home
from pipeline.storage.configuration import read_registry
from pipeline.storage.duckdb_session import open_published, quoted
from transforms.errors import NothingToDoError
from transforms.instruments.definition import Instrument
from transforms.instruments.registry import Registry
from transforms.sql import records
from transforms.statistics.withheld import Record

WARNING = (
    "This shows one person's answers and scores. Do not copy it into a message, a ticket or a file."
)
WIDEST = 1_000  # characters: what a table would take on a terminal without edges
FORMS = """
    select
        scores.episode_key, scores.completed_at, scores.response_key, scores.instrument_id,
        scores.version, scores.rater, scores.scale, scores.score, scores.n_answered,
        scores.n_items, scores.is_prorated, scores.score_source, scores.score_version,
        scores.source_file, scores.source_line, scores.clinic_id
    from core.fct_scores as scores
    where scores.client_key = $client and ($episode is null or scores.episode_key = $episode)
    order by scores.completed_at, scores.response_key, scores.scale
"""
CLASSES = """
    select
        changes.episode_key, changes.instrument_id, changes.method, changes.score_pre,
        changes.score_post, changes.change_index, methods.operator, methods.critical,
        changes.is_case_at_start, changes.is_case_at_end, methods.end_operator,
        methods.end_cutoff, changes.change_class, methods.source
    from core.fct_episode_change as changes
    inner join core.dim_change_methods as methods using (instrument_id, version, rater, method)
    where changes.client_key = $client and ($episode is null or changes.episode_key = $episode)
    order by
        changes.episode_key, changes.instrument_id, changes.version, changes.rater, changes.method
"""
ALERTS = """
    select
        raised_at, alert_kind, status, closed_reason, rule, threshold, definition_version,
        source_file, source_line, alert_key
    from process.fct_alerts
    where client_key = $client and ($episode is null or episode_key = $episode)
    order by raised_at, alert_kind, alert_key
"""
EPISODES = """
    select
        episode_key, clinic_id, clinic_group, start_date, end_date, course_status,
        outcome_instrument_id, jt_class, nhs_is_reliably_recovered, dropout_unilateral,
        early_alliance
    from core.fct_episodes
    where client_key = $client and ($episode is null or episode_key = $episode)
    order by start_date, episode_key
"""
# Columns of an episode that somebody may ask about, and the aggregate they are counted in.
CELLS = {
    "jt_class": "cf_outcome_change",
    "nhs_is_reliably_recovered": "cf_outcome_change",
    "dropout_unilateral": "cf_dropout_definitions",
    "early_alliance": "cf_alliance_outcome",
}


@dataclass(frozen=True)
class Trace:
    """Rows of each step as dictionaries, in the order they are printed."""

    items: list[Record]
    scores: list[Record]
    classes: list[Record]
    alerts: list[Record]
    cells: list[Record]


def trace(home: Home, client_key: str, episode_key: str | None = None) -> Trace:
    """Follow a client's data through the published tables.

    Raises NothingToDoError when a key is no key, nothing is published, or the release knows no
    such client; the message does not repeat the key.
    """
    keys = {"client": _key(client_key, "client"), "episode": None}
    if episode_key is not None:
        keys["episode"] = _key(episode_key, "episode")
    with open_published(home, "trace") as con:
        scores = _rows(con, FORMS, keys)
        episodes = _rows(con, EPISODES, keys)
        if not scores and not episodes:
            raise NothingToDoError(
                "trace: the published release knows no such client or episode. "
                "Copy client_key from a table of this installation."
            )
        classes = _rows(con, CLASSES, keys)
        alerts = _rows(con, ALERTS, keys)
    registry = read_registry(home)
    return Trace(
        items=_items(home, registry, scores),
        scores=[_with_rule(row, registry) for row in scores],
        classes=classes,
        alerts=alerts,
        cells=_cells(episodes),
    )


def print_trace(found: Trace, console: Console) -> None:
    """Print every step as a table."""
    console.print(WARNING, style="bold")
    _print(console, "1 Items as answered", found.items)
    _print(console, "2 Scores", found.scores, leave_out=("clinic_id", "response_key"))
    _print(console, "3 Classes of change", found.classes, leave_out=("source",))
    _print(console, "4 Alerts", found.alerts)
    _print(console, "5 Table cells", found.cells)


def _key(text: str, what: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise NothingToDoError(
            f"trace: this is no {what} key. Copy {what}_key from a published table; "
            "a clinic's own identifiers are not accepted."
        ) from None


def _rows(con: duckdb.DuckDBPyConnection, query: str, keys: Record) -> list[Record]:
    return records(con.execute(query.replace("$client", "cast($client as uuid)"), keys))


def _items(home: Home, registry: Registry, scores: list[Record]) -> list[Record]:
    """Return every form's answers as they lie in the lake, one row per form."""
    forms = {row["response_key"]: row for row in reversed(scores)}
    answers = _answers(home, list(forms.values()))
    rows = []
    for key, form in sorted(forms.items(), key=lambda pair: (pair[1]["completed_at"], pair[0])):
        instrument = registry.find(form["instrument_id"], form["version"], form["rater"])
        place = (key, form["source_file"], form["source_line"])
        rows.append(
            {
                "completed_at": form["completed_at"],
                "instrument_id": form["instrument_id"],
                "version": form["version"],
                "rater": form["rater"],
                "answers": _in_words(answers.get(place, {}), instrument),
                "source_file": form["source_file"],
                "source_line": form["source_line"],
                "response_key": key,
            }
        )
    return rows


def _answers(home: Home, forms: list[Record]) -> dict[tuple[object, ...], Record]:
    """Return answers by response, file and line: the lake keeps replaced rows too."""
    found: dict[tuple[object, ...], Record] = {}
    with duckdb.connect() as con:
        for clinic_id in sorted({form["clinic_id"] for form in forms}):
            folder = home.lake / "responses" / f"clinic={clinic_id}"
            if not any(folder.glob("*.parquet")):
                continue
            keys = [str(form["response_key"]) for form in forms if form["clinic_id"] == clinic_id]
            result = con.execute(
                f"select * from read_parquet({quoted(folder / '*.parquet')}, "
                "union_by_name = true, hive_partitioning = false) "
                "where response_key::varchar in (select unnest($1))",
                [keys],
            )
            for row in records(result):
                found[row["response_key"], row["source_file"], row["source_line"]] = row
    return found


def _in_words(row: Record, instrument: Instrument | None) -> str:
    """Return `1:2 2:0R 3:–`: item, answer, R where the key turns it around."""
    if instrument is None or instrument.items is None:
        return ""
    reverse = instrument.items.reverse
    words = []
    for number in range(1, instrument.items.n + 1):
        value = row.get(f"item_{number}")
        shown = "–" if value is None else f"{value:g}"
        words.append(f"{number}:{shown}{'R' if number in reverse else ''}")
    return " ".join(words)


def _with_rule(row: Record, registry: Registry) -> Record:
    """Add the rule a score was computed by, and the file it stands in."""
    instrument = registry.find(row["instrument_id"], row["version"], row["rater"])
    if instrument is None or row["scale"] not in instrument.scales:
        return row | {"rule": "submitted or removed from the registry", "rule_file": None}
    scale = instrument.scales[row["scale"]]
    missing = f", {scale.missing.method}" if scale.missing.max_missing else ""
    return row | {
        "rule": f"{scale.method}{missing}",
        "rule_file": f"config/instruments/{'.'.join(instrument.key)}.yml",
    }


def _cells(episodes: list[Record]) -> list[Record]:
    cells = []
    for episode in episodes:
        scopes = [f"clinic {episode['clinic_id']}", "overall"]
        if episode["clinic_group"]:
            scopes.insert(1, f"group {episode['clinic_group']}")
        for column, table in CELLS.items():
            if episode[column] is not None:
                cells.append(
                    {
                        "cell": f"core.fct_episodes.{column}",
                        "episode_key": episode["episode_key"],
                        "value": episode[column],
                        "course_status": episode["course_status"],
                        "a candidate for": f"common_factors.{table}: {', '.join(scopes)}",
                    }
                )
    return cells


def _print(
    console: Console, title: str, rows: list[Record], leave_out: tuple[str, ...] = ()
) -> None:
    """Print rows as a table, or one below the other where the terminal is too narrow for it."""
    if not rows:
        console.print(f"\n{title}: none")
        return
    table = Table(title=f"\n{title}", title_justify="left", box=None, padding=(0, 1, 0, 0))
    names = [name for name in rows[0] if name not in leave_out]
    for name in names:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(_shown(row[name]) for name in names))
    needed = Measurement.get(console, console.options.update(width=WIDEST), table).maximum
    if needed > console.width:
        console.print(f"\n{title}")
        for row in rows:
            filled = (f"{name} {_shown(row[name])}" for name in names if row[name] is not None)
            console.print("- " + " · ".join(filled))
        return
    console.print(table)


def _shown(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
