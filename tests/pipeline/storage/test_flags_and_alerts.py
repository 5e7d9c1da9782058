"""Risk answers reach the lake once and only when they are there; acknowledgements are kept."""

from datetime import date, datetime

import duckdb
import pytest

from pipeline.storage.alert_log import Answer, answer
from pipeline.storage.configuration import read_registry
from pipeline.storage.risk_flags import write_flags
from tests.conftest import key
from transforms.errors import NothingToDoError

AT = datetime(2026, 1, 5, 8, 0)


@pytest.fixture
def lake_with(home, stage):
    """Put staged PHQ-9 forms, {name: answers to items 1 to 9}, into the lake as one file."""

    def put(forms: dict[str, list], file_id: str = "f1"):
        rows = [
            {
                "response_key": key(name),
                "instrument_id": "phq9",
                "version": "standard",
                "rater": "client",
                "language": "any",
                "client_key": key("c"),
            }
            | {f"item_{n}": value for n, value in enumerate(answers, start=1)}
            for name, answers in forms.items()
        ]
        target = home.lake / "responses" / "clinic=harbor" / f"{file_id}.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        stage("responses", rows, file_id).rename(target)
        return target

    return put


def flags(home) -> list[tuple]:
    with duckdb.connect() as con:
        return con.execute(
            f"select response_key::varchar, is_raised, label, source_line from "
            f"read_parquet('{home.lake}/flags/**/*.parquet', hive_partitioning = false) order by 4"
        ).fetchall()


def test_a_positive_risk_answer_is_written_and_a_missing_one_is_no_all_clear(home, con, lake_with):
    zeros = [0] * 8
    nothing = [None] * 9  # a form of which only the total came
    lake_with(
        {"one": [*zeros, 1], "none": [*zeros, 0], "missing": [*zeros, None], "total": nothing}
    )

    assert write_flags(con, home, read_registry(home)) == 1
    assert flags(home) == [
        (key("one"), True, "item 9 answered above 0", 2),
        (key("missing"), None, "item 9 answered above 0", 4),
        (key("total"), None, "item 9 answered above 0", 5),
    ]


def test_a_file_is_read_once_and_its_flags_go_with_it(home, con, lake_with):
    registry = read_registry(home)
    first = lake_with({"one": [0] * 8 + [3]})
    write_flags(con, home, registry)
    lake_with({"two": [0] * 8 + [2]}, "f2")

    assert write_flags(con, home, registry) == 1
    assert len(flags(home)) == 2
    first.unlink()
    assert write_flags(con, home, registry) == 0
    assert [row[0] for row in flags(home)] == [key("two")]


def test_a_changed_flag_is_evaluated_again(home, con, lake_with):
    registry = read_registry(home)
    lake_with({"one": [0] * 8 + [1]})
    write_flags(con, home, registry)
    (home.lake / "flags" / "definitions.txt").write_text("another definition", encoding="utf-8")

    assert write_flags(con, home, registry) == 1
    assert len(flags(home)) == 1


@pytest.fixture
def published(home):
    """A release with an open alert, one that was closed, and one that closed itself."""
    with duckdb.connect(str(home.published)) as con:
        con.execute("create schema process")
        con.execute(
            "create table process.fct_alerts (alert_key uuid, alert_kind text, status text)"
        )
        con.executemany(
            "insert into process.fct_alerts values (?, 'no_form', ?)",
            [[key(state), state] for state in ("open", "closed", "closed_unacknowledged")],
        )
    return home


def answers(home) -> list[tuple]:
    with duckdb.connect() as con:
        return con.execute(
            "select alert_key::varchar, acknowledged_at, acknowledged_by, act, snoozed_until, "
            f"reason from read_parquet('{home.lake}/alerts/*.parquet') order by 3"
        ).fetchall()


def test_every_answer_is_one_line_in_the_log(published):
    until = date(2026, 1, 6)
    for given in (
        Answer("acknowledged", " a duty clinician ", AT),
        Answer("snoozed", "b", AT, " on leave ", until),
        Answer("closed", "c", AT, "spoken to"),
    ):
        assert answer(published, key("open"), given) == "no_form"

    assert answers(published) == [
        (key("open"), AT, "a duty clinician", "acknowledged", None, None),
        (key("open"), AT, "b", "snoozed", until, "on leave"),
        (key("open"), AT, "c", "closed", None, "spoken to"),
    ]


@pytest.mark.parametrize(
    ("alert", "given", "message"),
    [
        ("12", Answer("acknowledged", "me", AT), "alerts acknowledge: this is not an alert key"),
        (key("open"), Answer("acknowledged", "  ", AT), "--by is empty"),
        (key("other"), Answer("acknowledged", "me", AT), "no such alert"),
        (key("closed"), Answer("acknowledged", "me", AT), "is closed"),
        (
            key("closed_unacknowledged"),
            Answer("closed", "me", AT, "late"),
            "alerts close: this no_form alert was closed by its rule before anybody answered",
        ),
        (key("open"), Answer("closed", "me", AT, " "), "alerts close: --why is empty"),
        (key("open"), Answer("snoozed", "me", AT, "", date(2026, 1, 6)), "--why is empty"),
        (key("open"), Answer("snoozed", "me", AT, "w", date(2026, 1, 5)), "a day after today"),
    ],
)
def test_what_cannot_be_answered_is_refused_and_not_logged(published, alert, given, message):
    with pytest.raises(NothingToDoError, match=message):
        answer(published, alert, given)
    assert not (published.lake / "alerts").exists()


def test_without_a_release_there_is_nothing_to_answer(home):
    with pytest.raises(NothingToDoError, match="nothing is published"):
        answer(home, key("open"), Answer("acknowledged", "me", AT))
