"""`rapport trace` on the demo night: every step is there, and only for a key somebody typed."""

import duckdb
import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.commands.trace import trace
from tests.conftest import key


@pytest.fixture(scope="module")
def client(demo_home, ask) -> str:
    """A client with a recovered PHQ-9 episode and a positive risk answer."""
    ((found,),) = ask(
        demo_home,
        "select client_key::varchar from process.fct_alerts where alert_kind = 'risk_item' "
        "and episode_key in (select episode_key from core.fct_episodes where "
        "jt_class is not null and outcome_instrument_id = 'phq9') order by all limit 1",
    )
    return found


@pytest.fixture(scope="module")
def found(demo_home, client):
    return trace(demo_home, client)


def test_answers_add_up_to_the_score_with_file_and_line(found, demo_home):
    """PHQ-9 without missing items: the sum of the answers shown is the score shown."""
    scores = {
        row["response_key"]: row
        for row in found.scores
        if row["instrument_id"] == "phq9" and row["n_answered"] == 9 and row["score"] is not None
    }
    shown = [row for row in found.items if row["response_key"] in scores]

    assert shown
    for row in shown:
        answers = [int(word.split(":")[1]) for word in row["answers"].split()]
        score = scores[row["response_key"]]
        assert sum(answers) == score["score"]
        assert (row["source_file"], row["source_line"]) == (
            score["source_file"],
            score["source_line"],
        )
        assert score["rule_file"] == "config/instruments/phq9.standard.client.any.yml"
        assert score["rule"] == "sum, person_mean"


def test_the_class_follows_from_the_scores_shown(found):
    (row,) = [
        row
        for row in found.classes
        if row["method"] == "registry" and row["instrument_id"] == "phq9"
    ][:1]
    is_better = row["change_index"] >= row["critical"]

    assert row["change_index"] == row["score_pre"] - row["score_post"]
    assert (row["operator"], row["critical"], row["end_cutoff"]) == (">=", 6.0, 10.0)
    assert (row["change_class"] in ("recovered", "improved")) == is_better


def test_the_alert_names_rule_version_file_and_line(found):
    risk = [row for row in found.alerts if row["alert_kind"] == "risk_item"]

    assert risk
    for row in risk:
        assert row["rule"] == "item 9 answered above 0"
        assert row["definition_version"]
        assert row["source_file"]
        assert row["source_line"] > 1


def test_every_positive_risk_answer_of_the_night_has_its_alert(demo_home, ask):
    """Counted from the lake's answers, not through the flags: item 9, and item 6 of CORE-10."""
    with duckdb.connect() as con:
        n_positive = con.execute(
            f"""
            select count(*)
            from read_parquet('{demo_home.lake}/responses/**/*.parquet', union_by_name = true) r
            anti join read_parquet('{demo_home.lake}/superseded/responses/**/*.parquet',
                union_by_name = true) as gone
                on r.response_key = gone.row_key and r.file_id = gone.file_id
                and r.source_line = gone.source_line
            where (instrument_id = 'phq9' and item_9 >= 1)
                or (instrument_id = 'core10' and item_6 >= 1)
            """
        ).fetchone()[0]

    assert n_positive > 100
    assert ask(
        demo_home,
        "select count(*), count(distinct response_key) from process.fct_alerts "
        "where alert_kind = 'risk_item'",
    ) == [(n_positive, n_positive)]


def test_the_cells_hold_what_the_table_holds(found, demo_home, ask, client):
    cells = {
        (str(row["episode_key"]), row["value"])
        for row in found.cells
        if row["cell"] == "core.fct_episodes.jt_class"
    }

    assert cells == set(
        ask(
            demo_home,
            "select episode_key::varchar, jt_class from core.fct_episodes "
            f"where client_key = '{client}' and jt_class is not null",
        )
    )


def test_one_episode_shows_nothing_of_another(demo_home, client, found):
    episode = str(found.cells[0]["episode_key"])

    only = trace(demo_home, client, episode)

    assert {str(row["episode_key"]) for row in [*only.scores, *only.classes]} == {episode}


def test_the_command_warns_prints_and_logs_nothing(demo_home, client):
    before = {path for path in demo_home.root.rglob("*") if path.is_file()}

    result = CliRunner().invoke(app, ["trace", "--client", client, "--home", str(demo_home.root)])

    assert result.exit_code == 0, result.output
    assert result.output.startswith("This shows one person's answers and scores.")
    for step in ("1 Items", "2 Scores", "3 Classes", "4 Alerts", "5 Table cells"):
        assert step in result.output
    assert {path for path in demo_home.root.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--client", "C-1001"], "no client key"),
        (["--client", key("nobody")], "knows no such client"),
        (["--client", key("nobody"), "--episode", "7"], "no episode key"),
    ],
)
def test_a_wrong_key_is_refused_without_repeating_it(demo_home, arguments, message):
    result = CliRunner().invoke(app, ["trace", *arguments, "--home", str(demo_home.root)])

    assert result.exit_code == 1
    assert message in result.output
    assert arguments[1] not in result.output
