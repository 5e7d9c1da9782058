"""A morning's list over a release typed in by hand: whose it is, how long, in which order."""

from __future__ import annotations

import json
import shutil
import uuid
from datetime import date, datetime

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.commands.morning import morning
from pipeline.home import REPOSITORY
from pipeline.storage.alert_log import Answer, answer, write_empty_log
from pipeline.storage.ledger import Ledger
from pipeline.storage.morning_settings import load_suggestions, morning_schema
from pipeline.vault.keys import identities_folder, open_vault
from tests.conftest import key
from transforms.errors import ConfigError, NothingToDoError, VaultError

SCHEMA = REPOSITORY / "config" / "schema" / "morning.schema.json"

TODAY = date(2026, 3, 10)
A, B = key("therapist a"), key("therapist b")
# One alert each, the least urgent first; the canary is a client of another therapist.
KINDS = {
    "no_form": ("no_form", "attended sessions in a row without an outcome form"),
    "leaving": ("dropout_risk", "hazard of not coming again among the highest"),
    "fall": ("alliance_drop", "drop_sd2; rci_drop"),
    "late": ("unrepaired_rupture", "rci_drop"),
    "worse": ("not_on_track", "score beyond the limit of expected response (site curve)"),
    "told": ("unrepaired_rupture", "rci_drop; self_report"),
    "risk": ("risk_item", "item 9 answered above 0"),
}
CANARY = "canary"


def alert(name: str, therapist: str | None, kind: str, rule: str, day: int = 1, **more) -> dict:
    return {
        "alert_key": key(f"alert {name} {kind} {day}"),
        "clinic_id": "harbor",
        "client_key": key(name),
        "therapist_key": therapist,
        "alert_kind": kind,
        "rule": rule,
        "raised_at": datetime(2026, 3, day, 10),
        "status": "open",
        "status_at": datetime(2026, 3, day, 10),
        "instrument_id": "phq9" if kind in ("risk_item", "not_on_track") else None,
        "threshold": 3.0 if kind == "no_form" else None,
        "source_file": "forms.csv",
        "source_line": 7,
    } | more


@pytest.fixture
def place(home):
    """Clients named C-…, an identifier each in the vault; a release without any alert."""
    ring = open_vault(home)
    names = [*KINDS, CANARY]
    rows = pa.table(
        {
            "client_id": [f"C-{name}" for name in names],
            "client_key": pa.array([_bytes(name) for name in names], pa.uuid()),
            "therapist_id": ["T-a"] * len(KINDS) + ["T-b"],
            "therapist_key": pa.array(
                [_bytes("therapist a")] * len(KINDS) + [_bytes("therapist b")], pa.uuid()
            ),
        }
    )
    plain = pa.BufferOutputStream()
    pq.write_table(rows, plain)
    folder = identities_folder(home, "harbor", "20260101T000000")
    ring.write(folder / "f1.sessions.sealed", plain.getvalue().to_pybytes())
    write_empty_log(home)
    return home


@pytest.fixture
def publish(place):
    """Publish alerts, with report cards that know one instrument."""

    def put(*alerts: dict):
        place.published.unlink(missing_ok=True)
        with duckdb.connect(str(place.published)) as con:
            con.execute(
                "create schema process; create table process.fct_alerts (alert_key uuid, "
                "clinic_id text, client_key uuid, therapist_key uuid, alert_kind text, rule text, "
                "raised_at timestamp, status text, status_at timestamp, instrument_id text, "
                "threshold double, source_file text, source_line bigint)"
            )
            for row in alerts:
                marks = ", ".join("?" for _ in row)
                con.execute(
                    f"insert into process.fct_alerts ({', '.join(row)}) values ({marks})",
                    [*row.values()],
                )
            con.execute(
                "create table process.expected_response_report_card as select * from (values "
                "('phq9', 0, 'flagged_who_deteriorated', 0.25, 0.1, 0.5, 40, 'reportable'), "
                "('gad7', 0, 'flagged_who_deteriorated', 0.5, 0.1, 0.9, 4, 'too imprecise')) as t "
                "(instrument_id, intake_band, metric, estimate, ci_low, ci_high, n_used, "
                "precision_label); "
                "create table process.dropout_risk_report_card as select * from (values "
                "(0, 'flagged_who_dropped_out', 0.125, 0.1, 0.15, 800, 'reportable'), "
                "(5, 'flagged_who_dropped_out', 0.9, 0.9, 0.9, 9, 'reportable')) as t "
                "(risk_bin, metric, estimate, ci_low, ci_high, n_used, precision_label)"
            )
        return place

    return put


def _bytes(name: str) -> bytes:
    return uuid.UUID(key(name)).bytes


def everybody() -> list[dict]:
    return [alert(name, A, *kind) for name, kind in KINDS.items()] + [
        alert(CANARY, B, *KINDS["risk"])
    ]


def listed(lists) -> list[str]:
    return [line.client_ids[0].removeprefix("C-") for one in lists for line in one.lines]


def test_risk_first_then_reported_ruptures_and_the_rest_is_counted(publish):
    """Seven clients, budget five: who falls off is whoever leaves soon or has no form."""
    (one,) = morning(publish(*everybody()), TODAY, "me", therapist=A)

    assert listed([one]) == ["risk", "told", "worse", "fall", "late"]
    assert one.rest == {"leaving_soon": 1, "no_form": 1}
    assert sum(one.rest.values()) + len(one.lines) == len(KINDS)
    page = one.page.read_text("utf-8")
    assert "2 more wait" in page
    assert "C-no_form" not in page


def test_the_budget_of_the_site_holds_and_a_risk_that_does_not_fit_is_said(publish, tmp_path):
    place = publish(
        *(alert(name, A, *KINDS["risk"], day=day) for day, name in enumerate(KINDS, start=1))
    )
    config = tmp_path / "config"
    _copy_config(place, config)
    (config / "morning.yml").write_text("budget: 2\n", encoding="utf-8")

    (one,) = morning(type(place)(place.root, config), TODAY, "me", therapist=A)

    assert listed([one]) == ["no_form", "leaving"]  # who waits longest
    assert one.rest == {"risk": 5}
    assert "5 more clients</b> with a positive risk item" in one.page.read_text("utf-8")


def test_a_therapists_page_holds_nobody_elses_clients(publish):
    first, second = morning(publish(*everybody()), TODAY, "me")
    pages = {str(one.therapist_key): one.page.read_text("utf-8") for one in (first, second)}

    assert f"C-{CANARY}" in pages[B]
    assert f"C-{CANARY}" not in pages[A]
    assert "T-b" not in pages[A]
    assert all(f"C-{name}" not in pages[B] for name in KINDS)
    alone = morning(publish(*everybody()), TODAY, "me", therapist=A)
    assert [str(one.therapist_key) for one in alone] == [A]


def test_one_client_is_one_line_with_every_concern(publish):
    place = publish(
        alert("risk", A, *KINDS["no_form"], day=1),
        alert("risk", A, *KINDS["risk"], day=3),
        alert("risk", A, *KINDS["risk"], day=5),
    )
    (one,) = morning(place, TODAY, "me", therapist=A)
    (line,) = one.lines

    assert [(seen.concern, seen.since.day) for seen in line.seen] == [("risk", 3), ("no_form", 1)]
    assert line.seen[0].what == (
        "positive answer to a risk item (PHQ-9; item 9 answered above 0), 2 times"
    )
    assert line.seen[1].what == "3 attended sessions in a row without an outcome form"
    assert len(line.seen[0].alert_keys) == 2


def test_how_often_a_line_is_right_is_the_report_cards_or_not_known(publish):
    place = publish(
        alert("worse", A, *KINDS["worse"]),
        alert("late", A, *KINDS["worse"], instrument_id="gad7"),
        alert("leaving", A, *KINDS["leaving"]),
        alert("risk", A, *KINDS["risk"]),
    )
    (one,) = morning(place, TODAY, "me", therapist=A)
    right = {line.client_ids[0]: line.seen[0].how_often_right for line in one.lines}

    assert right == {
        "C-worse": "25 % (10 % to 50 %) of 40 courses flagged so here ended worse",
        "C-late": "not known here",
        "C-leaving": "12.5 % (10 % to 15 %) of 800 sessions flagged so here were the last before "
        "a dropout",
        "C-risk": "not known here",
    }


@pytest.mark.parametrize(
    ("given", "is_there"),
    [
        (Answer("acknowledged", "b", datetime(2026, 3, 9)), False),
        (Answer("closed", "b", datetime(2026, 3, 9), "spoken to"), False),
        (Answer("snoozed", "b", datetime(2026, 3, 9), "away", date(2026, 3, 11)), False),
        (Answer("snoozed", "b", datetime(2026, 3, 9), "away", date(2026, 3, 10)), True),
    ],
)
def test_what_was_answered_is_gone_before_the_next_build(publish, given, is_there):
    """A snooze until the 11th hides it on the 10th, one until the 10th no more."""
    row = alert("risk", A, *KINDS["risk"])
    place = publish(row)
    answer(place, row["alert_key"], given)

    lists = morning(place, TODAY, "me", therapist=A)

    assert listed(lists) == (["risk"] if is_there else [])


@pytest.mark.parametrize("status", ["closed", "closed_unacknowledged"])
def test_what_is_closed_is_not_listed(publish, status):
    place = publish(alert("risk", A, *KINDS["no_form"], status=status))

    assert morning(place, TODAY, "me", therapist=A) == []


@pytest.mark.parametrize(("day", "n_told"), [(10, 0), (11, 1)])
def test_a_risk_alert_that_closed_itself_is_told_for_four_weeks(publish, day, n_told):
    closed = {"status": "closed_unacknowledged", "status_at": datetime(2026, 2, day, 23)}
    lists = morning(publish(alert("risk", A, *KINDS["risk"], **closed)), TODAY, "me")

    assert [one.n_closed_unanswered for one in lists] == [1] * n_told


def test_pages_lie_in_the_vault_for_their_owner_only(publish):
    place = publish(*everybody())
    lists = morning(place, TODAY, "me")

    for one in lists:
        assert one.page.parent == place.vault / "pages" / "morning"
        assert one.page.stat().st_mode & 0o777 == 0o600
    for folder in (place.vault / "pages", place.vault / "pages" / "morning"):
        assert folder.stat().st_mode & 0o777 == 0o700
    outside = [path for path in place.root.rglob("*") if place.vault not in path.parents]
    assert not [path for path in outside if path.suffix == ".html"]
    names = [f"C-{name}".encode() for name in (*KINDS, CANARY)]
    for path in filter(lambda path: path.is_file(), outside):
        assert not any(name in path.read_bytes() for name in names), path.name


def test_a_vault_that_others_may_read_gets_no_page(publish):
    place = publish(*everybody())
    place.vault.chmod(0o750)

    with pytest.raises(VaultError, match="others may read"):
        morning(place, TODAY, "me")
    assert not (place.vault / "pages").exists()


def test_each_list_stands_once_in_the_audit_chain_and_names_nobody(publish):
    place = publish(*everybody())
    morning(place, TODAY, "Dr. A")
    entries = [row for row in Ledger(place).audit_entries() if row["event"] == "morning list"]
    said = [json.loads(row["detail"]) for row in entries]

    assert {(one["by"], one["clinic"]) for one in said} == {("Dr. A", "harbor")}
    assert sorted(len(one["subjects"]) for one in said) == [1, 5]
    assert not any(key(name) in row["detail"] for row in entries for name in KINDS)
    assert Ledger(place).audit_problems() == []


def test_nothing_is_written_when_the_chain_cannot_be(publish, monkeypatch):
    place = publish(*everybody())
    monkeypatch.setattr("pipeline.storage.ledger.Ledger.note", lambda *_, **__: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        morning(place, TODAY, "me")
    assert not list((place.vault / "pages").rglob("*.html"))


def test_a_page_of_yesterday_goes_with_the_next_writing_of_all(publish):
    (old,) = morning(publish(alert("risk", A, *KINDS["risk"])), TODAY, "me")
    morning(publish(alert(CANARY, B, *KINDS["risk"])), TODAY, "me")

    assert not old.page.exists()


def test_an_alert_without_therapist_has_a_list_of_its_own(publish):
    (one,) = morning(publish(alert("risk", None, *KINDS["risk"])), TODAY, "me")

    assert one.title == "harbor: no therapist named"
    assert one.page.name == "no-therapist-harbor.html"


def test_a_supervisor_sees_the_lists_of_their_therapists(publish, tmp_path):
    place = publish(*everybody())
    config = tmp_path / "config"
    _copy_config(place, config)
    (config / "morning.yml").write_text(f"supervisors: {{north: [{B}]}}\n", encoding="utf-8")
    place = type(place)(place.root, config)

    assert listed(morning(place, TODAY, "me", supervisor="north")) == [CANARY]
    with pytest.raises(NothingToDoError, match="names no such supervisor"):
        morning(place, TODAY, "me", supervisor="south")


def test_without_an_option_the_terminal_says_counts_only(publish):
    place = publish(*everybody())
    result = CliRunner().invoke(app, ["morning", "--by", "me", "--home", str(place.root)])

    assert result.exit_code == 0, result.output
    assert result.output.startswith("2 list(s), 6 client(s) on them, 2 more wait.")
    assert "C-" not in result.output
    shown = CliRunner().invoke(
        app, ["morning", "--by", "me", "--therapist", B, "--home", str(place.root)]
    )
    assert f"client C-{CANARY}" in shown.output


def test_the_list_of_alerts_has_pseudonyms_only(publish):
    place = publish(*everybody())
    result = CliRunner().invoke(app, ["alerts", "list", "--home", str(place.root)])

    assert result.exit_code == 0, result.output
    assert result.output.endswith("8 alert(s) nobody has answered.\n")
    assert key(CANARY) in result.output
    assert "C-" not in result.output
    assert Ledger(place).audit_entries() == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--therapist", "T-a"], "no therapist key"), ([], "nothing is published")],
)
def test_a_refusal_says_what_to_do(home, arguments, message):
    result = CliRunner().invoke(app, ["morning", *arguments, "--home", str(home.root)])

    assert result.exit_code == 1
    assert message in result.output
    assert "T-a" not in result.output


def test_every_kind_has_a_suggestion_that_says_who_checked_it(home):
    suggestions = load_suggestions(home)

    for concern in type(suggestions).model_fields:
        found = suggestions.of(concern)
        assert found.checked in ("verified", "from memory")
        assert found.source


@pytest.mark.parametrize(
    ("text", "message"),
    [("budget: 0", "budget"), ("order: [risk, risk]", "named twice"), ("budgets: 3", "budgets")],
)
def test_a_wrong_setting_is_refused_by_its_key(publish, tmp_path, text, message):
    place = publish()
    config = tmp_path / "config"
    _copy_config(place, config)
    (config / "morning.yml").write_text(text, encoding="utf-8")

    with pytest.raises(ConfigError, match=message):
        morning(type(place)(place.root, config), TODAY, "me")


def test_the_schema_in_the_repository_is_the_models():
    assert SCHEMA.read_text("utf-8") == morning_schema(), "run make docs"


def _copy_config(place, target) -> None:
    shutil.copytree(place.config, target)
