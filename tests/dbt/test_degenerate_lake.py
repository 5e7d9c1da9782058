"""One clinic, one client, one therapist, one session, and forms without a score.

The whole project is built over it: no model fails, no table holds an estimate, and each row of a
cf_ table says why.
"""

import pytest

from tests.dbt.small_lake import SmallLake


@pytest.fixture(scope="module")
def lonely(dbt, tmp_path_factory):
    """The forms came, but without a score; every optional column is empty."""
    lake = SmallLake(tmp_path_factory.mktemp("lonely") / "lake")
    known = {"client_key": "c1", "therapist_key": "t1"}
    lake.deliver("episodes", "solo", "ep1", episode_key="e1", start_date="2026-01-05", **known)
    lake.deliver(
        *("sessions", "solo", "se1"),
        **known | {"session_key": "s1", "episode_key": "e1", "attendance": "attended"},
        session_at="2026-01-05 10:00:00",
    )
    for number, instrument in enumerate(("phq9", "wai_sr"), start=1):
        lake.form(
            *("solo", "fo1", f"f{number}", {"total": None}),
            instrument_id=instrument,
            client_key="c1",
            session_key="s1",
            completed_at=f"2026-01-05 1{number}:00:00",
        )
    lake.add("clinics", clinic_id="solo", name="Solo")
    for file_id, table, n_received in (
        ("ep1", "episodes", 1),
        ("se1", "sessions", 1),
        ("fo1", "responses", 2),
    ):
        lake.add(
            "files",
            clinic_id="solo",
            file_id=file_id,
            source_file=f"solo/{file_id}.csv",
            table_name=table,
            status="accepted",
            n_received=n_received,
            **dict.fromkeys(("n_duplicate", "n_quarantined", "n_erased"), 0),
        )
    return dbt.build(
        lake.write(),
        tmp_path_factory.mktemp("build"),
        *("--exclude-resource-type", "unit_test"),
    )


def cf_tables(lonely) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for table, column in lonely.ask(
        "select table_name, column_name from duckdb_columns() "
        "where schema_name = 'common_factors' order by 1"
    ):
        found.setdefault(table, set()).add(column)
    return found


def test_every_model_is_built_and_every_data_test_passes(lonely):
    assert set(lonely.states.values()) == {"success", "pass"}, lonely.output


def test_what_is_known_is_known_and_the_rest_is_null(lonely):
    (episode,) = lonely.ask(
        "select n_sessions_attended, outcome_pre, outcome_post, jt_class, early_alliance, "
        "course_status from core.fct_episodes"
    )

    assert episode == (1, None, None, None, None, "open")


def test_no_table_holds_an_estimate_and_each_row_says_why(lonely):
    tables = cf_tables(lonely)
    with_estimate = {table for table, columns in tables.items() if "estimate" in columns}
    assert len(with_estimate) >= 20

    for table in sorted(with_estimate):
        assert "not_estimable_reason" in tables[table]
        wrong = lonely.ask(
            f"select count(*) from common_factors.{table} where estimate is not null "
            "or precision_label <> 'none' or not_estimable_reason is null"
        )
        assert (table, wrong) == (table, [(0,)])


def test_nothing_is_expected_and_nobody_is_alarmed(lonely):
    assert lonely.ask("select count(*) from process.fct_alerts") == [(0,)]
    assert lonely.ask(
        "select count(*) from process.expected_response_report_card where estimate is not null"
    ) == [(0,)]
    assert lonely.ask(
        "select distinct not_estimable_reason from process.dropout_risk_report_card"
    ) == [("fewer than 30 dropouts",)]


@pytest.fixture(scope="module")
def flat(dbt, tmp_path_factory):
    """Twelve clients of one therapist who answer the same, at the ceiling, and all drop out."""
    lake = SmallLake(tmp_path_factory.mktemp("flat") / "lake")
    for client in range(12):
        known = {"client_key": f"c{client}", "therapist_key": "t1"}
        lake.deliver(
            *("episodes", "solo", "ep1"),
            **known | {"episode_key": f"e{client}", "modality": "cbt"},
            start_date="2026-01-05",
            end_date="2026-03-01",
            discharge_reason="dropout",
        )
        for number in range(1, 7):
            session = f"s{client}-{number}"
            day = f"2026-02-{3 * number:02d}"
            lake.deliver(
                *("sessions", "solo", "se1"),
                **known | {"session_key": session, "episode_key": f"e{client}"},
                session_at=f"{day} 10:00:00",
                attendance="attended",
            )
            for instrument, hour, total in (("phq9", "09", 12.0), ("wai_sr", "11", 60.0)):
                lake.form(
                    *("solo", "fo1", f"{instrument}-{session}", {"total": total}),
                    instrument_id=instrument,
                    client_key=f"c{client}",
                    session_key=session,
                    completed_at=f"{day} {hour}:00:00",
                )
    lake.add("clinics", clinic_id="solo", name="Solo")
    for file_id, table, n_received in (
        ("ep1", "episodes", 12),
        ("se1", "sessions", 72),
        ("fo1", "responses", 144),
    ):
        lake.add(
            "files",
            clinic_id="solo",
            file_id=file_id,
            source_file=f"solo/{file_id}.csv",
            table_name=table,
            status="accepted",
            n_received=n_received,
            **dict.fromkeys(("n_duplicate", "n_quarantined", "n_erased"), 0),
        )
    return dbt.build(
        lake.write(),
        tmp_path_factory.mktemp("flat_build"),
        *("--exclude-resource-type", "unit_test"),
    )


@pytest.mark.slow
def test_nothing_is_estimated_where_nothing_varies(flat):
    """Shares of a class are known (nobody changed, all left); what compares clients is not."""
    known = {
        "cf_outcome_change",
        "cf_dropout_definitions",
        "cf_dropout_survival",
        "cf_early_alliance_dropout",
        "cf_rupture_outcome",
        "cf_rupture_summary",
    }
    assert set(flat.states.values()) == {"success", "pass"}, flat.output
    tables = {t for t, columns in cf_tables(flat).items() if "estimate" in columns}

    n_rows = 0
    for table in sorted(tables - known):
        rows = flat.ask(
            f"select estimate, not_estimable_reason from common_factors.{table} "
            "where scope_level = 'clinic'"
        )
        n_rows += len(rows)
        assert {row[0] for row in rows} <= {None}, table
        assert all(row[1] for row in rows), table
    assert n_rows >= 20
    assert flat.ask(
        "select distinct estimate from common_factors.cf_outcome_change "
        "where metric = 'reliably_improved' and method = 'registry'"
    ) == [(0.0,)]
