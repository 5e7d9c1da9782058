"""A registered answer is found again, or said not to stand; no row of it is kept."""

from __future__ import annotations

import json
from datetime import datetime

import duckdb
import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.commands.answer import AnswerError, Rows, register, result_hash, verify
from pipeline.home import Home
from pipeline.steps.publish import _point_to
from pipeline.storage.ledger import Ledger
from transforms.errors import NothingToDoError

RUN, EARLIER = "2026-02-02T00-00-00Z", "2026-02-01T00-00-00Z"
QUERY = "select clinic_id, count(*) as n, avg(score) as mean from core.visits group by clinic_id"
SECRET = "seven-swans"


@pytest.fixture
def home(tmp_path) -> Home:
    """Two releases: the earlier one with a visit less."""
    place = Home(tmp_path / "home")
    place.root.mkdir()
    place.prepare()
    for run, rows in ((EARLIER, 3), (RUN, 4)):
        Ledger(place).open_run(run, datetime(2026, 2, 2), "code-1")
        place.release(run).parent.mkdir()
        with duckdb.connect(str(place.release(run))) as con:
            con.execute("create schema core")
            con.execute(
                "create table core.visits as select case when i < 3 then 'harbor' else 'fjord' end "
                f"as clinic_id, i / 3.0 as score, '{SECRET}' as word from range({rows}) r(i)"
            )
    _point_to(place, place.release(RUN))
    return place


def change(home: Home, run: str) -> None:
    with duckdb.connect(str(home.release(run))) as con:
        con.execute("update core.visits set score = score + 0.001 where score = 0")


def test_an_answer_keeps_query_release_and_hash_and_stands(home):
    answer, rows = register(home, QUERY)

    kept = json.loads((home.answers / f"{answer.answer_id}.json").read_text(encoding="utf-8"))
    assert sorted(rows.values) == [("fjord", 1, 1.0), ("harbor", 3, pytest.approx(1 / 3))]
    assert (kept["query"], kept["release"], kept["n_rows"]) == (QUERY, RUN, 2)
    assert kept["columns"] == ["clinic_id", "n", "mean"]
    assert kept["code_and_configuration"] == "code-1"
    assert kept["result_sha256"] == result_hash(rows)
    assert verify(home, answer.answer_id) == answer


def test_an_answer_is_of_one_release(home):
    now, _ = register(home, QUERY)
    earlier, _ = register(home, QUERY, EARLIER)
    again, _ = register(home, QUERY, RUN)

    assert (now.answer_id, now.result_sha256) == (again.answer_id, again.result_sha256)
    assert (earlier.n_rows, now.n_rows) == (1, 2)
    change(home, RUN)
    assert verify(home, earlier.answer_id) == earlier


def test_an_answer_whose_rows_changed_does_not_stand(home):
    answer, _ = register(home, QUERY)
    change(home, RUN)

    with pytest.raises(AnswerError, match="not what it was"):
        verify(home, answer.answer_id)
    with pytest.raises(AnswerError, match="not what it was"):
        register(home, QUERY)


@pytest.mark.parametrize("edited", ["query", "result_sha256", "n_rows"])
def test_an_answer_whose_file_was_edited_does_not_stand(home, edited):
    answer, _ = register(home, QUERY)
    path = home.answers / f"{answer.answer_id}.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content[edited] = {"query": "select 1", "result_sha256": "0" * 64, "n_rows": 3}[edited]
    path.write_text(json.dumps(content), encoding="utf-8")

    with pytest.raises(AnswerError, match="its file"):
        verify(home, answer.answer_id)


def test_the_order_of_rows_and_the_last_bits_do_not_count_but_all_else_does():
    one = Rows(("a", "b"), [("x", 0.1 + 0.2), ("y", None)])

    assert result_hash(one) == result_hash(Rows(("a", "b"), [("y", None), ("x", 0.3)]))
    assert result_hash(Rows(("a",), [(0.0,)])) == result_hash(Rows(("a",), [(-0.0,)]))
    for other in (
        Rows(("a", "c"), one.values),
        Rows(("a", "b"), [("x", 0.30000001), ("y", None)]),
        Rows(("a", "b"), [("x", 0.3), ("y", "None")]),
        Rows(("a", "b"), [("x", 0.3), ("y", None), ("y", None)]),
    ):
        assert result_hash(other) != result_hash(one)


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("select 1; select 2", "one SELECT"),
        ("drop table core.visits", "one SELECT"),
        ("copy core.visits to 'x.csv'", "one SELECT"),
        ("", "one SELECT"),
        ("select random() from core.visits", "random"),
        ("select count(*) from core.visits where current_date > '2026-01-01'", "current_date"),
        ("select * from (select Current_Timestamp)", "current_timestamp"),
        ("select score from core.visits limit 2", "LIMIT"),
        ("select * from (select score from core.visits limit 2) order by 1", "LIMIT"),
        ("select score from core.visits using sample 2", "sample"),
        ("select score from core.visits tablesample 50%", "sample"),
        (
            "select 1 from core.visits where word = '3f2b8a44-09d1-5c7e-a1b2-0123456789ab'",
            "key of a person",
        ),
        ("select no_such_column from core.visits", "no_such_column"),
        ("select * from read_csv('landing/x.csv')", "could not run"),
        ("from 'landing/x.csv'", "could not run"),
    ],
)
def test_what_could_not_be_run_again_or_reads_elsewhere_is_refused(home, query, why):
    with pytest.raises(AnswerError, match=why):
        register(home, query)
    assert not home.answers.exists()


def test_a_sorted_limit_and_a_fixed_day_are_answers(home):
    answer, rows = register(
        home,
        "select score from core.visits where date '2026-01-01' < '2026-02-01' order by 1 limit 2",
    )

    assert len(rows.values) == answer.n_rows == 2


def test_a_message_of_duckdb_quotes_no_cell(home):
    with pytest.raises(AnswerError) as refused:
        register(home, "select cast(word as integer) from core.visits")

    assert SECRET not in str(refused.value)


def test_neither_file_nor_audit_chain_holds_a_row(home):
    register(home, "select word, score from core.visits order by all")

    (file,) = home.answers.iterdir()
    entries = Ledger(home).audit_entries()
    assert SECRET not in file.read_text(encoding="utf-8") + str(entries)
    assert file.stat().st_mode & 0o077 == 0
    (entry,) = [row for row in entries if row["event"] == "answer"]
    assert "select" not in entry["detail"]


def test_what_is_not_there_is_said(home):
    with pytest.raises(NothingToDoError, match=f"Kept: {RUN}, {EARLIER}"):
        register(home, QUERY, "2025-01-01T00-00-00Z")
    with pytest.raises(NothingToDoError, match="Registered: none"):
        verify(home, "0123456789ab")
    with pytest.raises(NothingToDoError, match="no answer"):
        verify(home, "../ledger")


def test_the_command_registers_prints_and_verifies(home, tmp_path):
    file = tmp_path / "figure.sql"
    file.write_text(QUERY + " order by 1;\n", encoding="utf-8")
    place = ["--home", str(home.root)]

    registered = CliRunner().invoke(app, ["answer", "--release", RUN, str(file), *place])
    (answer_id,) = [path.stem for path in home.answers.iterdir()]
    stands = CliRunner().invoke(app, ["answer", "verify", answer_id, *place])
    change(home, RUN)
    falls = CliRunner().invoke(app, ["answer", "verify", answer_id, *place])

    assert registered.exit_code == 0, registered.output
    assert registered.stdout.splitlines()[:2] == ["clinic_id\tn\tmean", "fjord\t1\t1.0"]
    assert answer_id in registered.output
    assert (stands.exit_code, "stands" in stands.output) == (0, True)
    assert (falls.exit_code, "not what it was" in falls.output) == (1, True)
