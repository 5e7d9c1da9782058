"""`rapport case` on the demo night: the page says what the tables say, and only in the vault."""

import json
import re

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.commands.case import write_case
from pipeline.storage.ledger import Ledger
from tests.conftest import key


@pytest.fixture(scope="module")
def client(demo_home, ask) -> str:
    """One episode with a repaired rupture, a sudden gain, parts of the alliance and an alert."""
    ((found,),) = ask(
        demo_home,
        """
        select client_key::varchar from process.fct_sudden_gains as gains
        where is_primary_outcome
            and 1 = (select count(*) from core.fct_episodes as e
                where e.client_key = gains.client_key)
            and exists (from process.fct_ruptures as r where r.episode_key = gains.episode_key
                and repaired_session_number is not null)
            and exists (from process.fct_session_process as p
                where p.episode_key = gains.episode_key and bond_pomp is not null)
            and exists (from process.fct_alerts as a where a.episode_key = gains.episode_key)
        order by 1 limit 1
        """,
    )
    return found


@pytest.fixture(scope="module")
def page(demo_home, client):
    return write_case(demo_home, client, "Dr. A")


def cells(page: str, label: str) -> list[list[str]]:
    """Return the rows of every table with this label, without tags."""
    found = []
    for table in re.findall(rf'aria-label="{label}">.*?<tbody>(.*?)</tbody>', page, re.DOTALL):
        for row in re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL):
            parts = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)
            found.append([" ".join(re.sub(r"<[^>]+>", " ", part).split()) for part in parts])
    return found


def test_every_booked_session_is_there_with_its_file_and_line(demo_home, ask, client, page):
    shown = cells(page.read_text("utf-8"), "Sessions")
    booked = ask(
        demo_home,
        "select coalesce(session_number::varchar, '–'), source_file || ':' || source_line "
        f"from core.fct_sessions where client_key = '{client}'",
    )

    assert sorted((row[0], row[-1].split(" ")[0]) for row in shown) == sorted(booked)


def test_alliance_parts_outcome_and_expected_band_are_the_tables(demo_home, ask, client, page):
    shown = {row[0]: row[4:10] for row in cells(page.read_text("utf-8"), "Sessions")}
    rows = ask(
        demo_home,
        "select p.session_number, alliance_pomp, bond_pomp, task_pomp, goal_pomp, "
        "outcome_score, lower, upper from process.fct_session_process as p "
        "left join process.fct_expected_response using (session_key) "
        f"where p.client_key = '{client}'",
    )

    assert rows
    for number, *scores, outcome, low, high in rows:
        told = shown[str(number)]
        assert told[:4] == ["–" if score is None else f"{score:.0f}" for score in scores]
        assert told[4].split(" ")[0] == ("–" if outcome is None else f"{outcome:.1f}")
        assert told[5] == ("–" if low is None else f"{low:.1f} to {high:.1f}")


def test_ruptures_gains_alerts_and_who_answered(demo_home, ask, client, page):
    text = page.read_text("utf-8")
    happened = cells(text, "Ruptures, repairs and sudden gains")
    ((n_ruptures, n_repaired),) = ask(
        demo_home,
        "select count(*), count(repaired_session_number) from process.fct_ruptures "
        f"where client_key = '{client}'",
    )
    ((n_alerts, n_unanswered),) = ask(
        demo_home,
        "select count(*), count(*) filter (acknowledged_by is null) from process.fct_alerts "
        f"where client_key = '{client}'",
    )

    assert [row[1] for row in happened].count("Rupture") == n_ruptures
    assert sum(row[4].startswith("repaired by session") for row in happened) == n_repaired > 0
    assert any(row[1].startswith("Sudden") for row in happened)
    alerts = cells(text, "Alerts, and who answered")
    assert len(alerts) == n_alerts > 0
    assert [row[3] for row in alerts].count("by nobody") == n_unanswered
    assert text.count('<svg xmlns="http://www.w3.org/2000/svg"') >= 2


def test_the_page_lies_in_the_vault_only_and_stands_in_the_chain(demo_home, client, page):
    entry = Ledger(demo_home).audit_entries()[-1]
    said = json.loads(entry["detail"])

    assert page == demo_home.vault / "pages" / "case" / f"{client}.html"
    assert page.stat().st_mode & 0o777 == 0o600
    assert page.parent.stat().st_mode & 0o777 == 0o700
    assert (entry["event"], said["by"], said["reason"]) == ("reidentify", "Dr. A", "case view")
    assert client not in entry["detail"]


@pytest.mark.parametrize(
    ("client_key", "message"),
    [("C-1001", "no client key"), (key("nobody"), "knows no such client")],
)
def test_a_wrong_key_is_refused_without_repeating_it(demo_home, client_key, message):
    result = CliRunner().invoke(
        app, ["case", "--client", client_key, "--by", "me", "--home", str(demo_home.root)]
    )

    assert result.exit_code == 1
    assert message in result.output
    assert client_key not in result.output
