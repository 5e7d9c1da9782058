"""One lake for the whole file: a clinic that sends everything and one that sends only forms."""

import pytest

from tests.dbt.small_lake import Dbt, SmallLake


@pytest.fixture(scope="session")
def dbt(tmp_path_factory) -> Dbt:
    """One dbt for the session, which parses the project once."""
    return Dbt(tmp_path_factory.mktemp("dbt"))


@pytest.fixture(scope="session")
def small_lake(tmp_path_factory) -> SmallLake:
    """Harbor: two clients with sessions. Survey: one client, forms only, 113 days of silence."""
    lake = SmallLake(tmp_path_factory.mktemp("small") / "lake")
    _harbor_records(lake)
    _harbor_forms(lake)
    _survey_forms(lake)
    _quality(lake)
    return lake


@pytest.fixture(scope="session")
def built(dbt, small_lake, tmp_path_factory):
    """The project built over the small lake, data tests and unit tests included."""
    return dbt.build(small_lake.write(), tmp_path_factory.mktemp("build"))


def _harbor_records(lake: SmallLake) -> None:
    episode = {"modality": "cbt", "problem": "depression", "step": "3"}
    lake.deliver(
        *("episodes", "harbor", "ep1"),
        **{"episode_key": "e1", "client_key": "c1", "therapist_key": "t1"} | episode,
        start_date="2026-01-05",
        end_date="2026-02-28",
        discharge_reason="completed",
    )
    lake.deliver(
        *("episodes", "harbor", "ep1"),
        **{"episode_key": "e2", "client_key": "c2", "therapist_key": "t1"} | episode,
        start_date="2026-01-05",
        end_date="2026-03-31",
        discharge_reason="dropout",
    )
    days = ["01-05", "01-12", "01-19", "01-26", "02-02", "02-09"]
    attendance = ["attended", "attended", "dna", "late", "attended", "attended"]
    for number, (day, state) in enumerate(zip(days, attendance, strict=True), start=1):
        lake.deliver(
            *("sessions", "harbor", "se1"),
            session_key=f"s{number}",
            episode_key="e1",
            client_key="c1",
            therapist_key="t1" if number < 6 else "t2",
            session_at=f"2026-{day} 10:00:00",
            attendance=state,
            session_type="treatment",
            feedback_reviewed=number == 1,
        )
    for number, (day, state) in enumerate([("01-06", "attended"), ("01-13", "dna")], start=1):
        lake.deliver(
            *("sessions", "harbor", "se1"),
            session_key=f"r{number}",
            episode_key=None,  # found by date
            client_key="c2",
            therapist_key="t2",
            session_at=f"2026-{day} 10:00:00",
            attendance=state,
        )
    lake.deliver("clients", "harbor", "cl1", client_key="c1", gender="f", deprivation="2")
    lake.add("client_ages", client_key="c1", start_date="2026-01-05", age_years=41)
    lake.deliver(
        *("therapists", "harbor", "th1"),
        therapist_row_key="t1@1",
        therapist_key="t1",
        profession="psychologist",
    )


def _harbor_forms(lake: SmallLake) -> None:
    """PHQ-9 18, 16, 13, 11, 9 and GAD-7 12 … 7 before, WAI-SR 36, 40, 44, 48, 60 after."""
    days = {"s1": "01-05", "s2": "01-12", "s4": "01-26", "s5": "02-02", "s6": "02-09"}
    points = {
        "s1": (18, 12, 36),
        "s2": (16, 11, 40),
        "s4": (13, 9, 44),
        "s5": (11, 8, 48),
        "s6": (9, 7, 60),
    }
    # The first PHQ-9 came with a typing error first; the second delivery corrects it.
    lake.form(
        *("harbor", "fo1", "p-s1", {"total": 27.0}),
        instrument_id="phq9",
        client_key="c1",
        session_key="s1",
        completed_at="2026-01-05 09:30:00",
    )
    lake.add(
        "superseded/responses",
        row_key="p-s1",
        file_id="fo1",
        source_line=2,
        by_file_id="fo2",
        marked_at="2026-06-30",
    )
    for session, (phq9, gad7, wai_sr) in points.items():
        at = f"2026-{days[session]}"
        known = {"client_key": "c1", "session_key": session if session != "s4" else None}
        lake.form(
            *("harbor", "fo2", f"p-{session}", {"total": phq9}),
            **known | {"instrument_id": "phq9", "completed_at": f"{at} 09:30:00"},
        )
        lake.form(
            *("harbor", "fo2", f"g-{session}", {"total": gad7}),
            **known | {"instrument_id": "gad7", "completed_at": f"{at} 09:35:00"},
        )
        parts = {"total": wai_sr, "bond": wai_sr / 3, "task": wai_sr / 3, "goal": wai_sr / 3}
        lake.form(
            *("harbor", "fo2", f"w-{session}", parts),
            **known | {"instrument_id": "wai_sr", "completed_at": f"{at} 11:00:00"},
        )
    lake.form(
        *("harbor", "fo2", "p-r1", {"total": 14}),
        instrument_id="phq9",
        client_key="c2",
        completed_at="2026-01-06 09:30:00",
    )


def _survey_forms(lake: SmallLake) -> None:
    for name, at, total in [
        ("v1", "2026-01-01 12:00:00", 20.0),
        ("v2", "2026-01-08 12:00:00", 12.0),
        ("v3", "2026-05-01 12:00:00", 15.0),
    ]:
        lake.form(
            *("survey", "sv1", name, {"total": total}),
            instrument_id="phq9",
            client_key="c3",
            completed_at=at,
        )


def _quality(lake: SmallLake) -> None:
    lake.add("clinics", clinic_id="harbor", clinic_group="north", name="Harbor")
    lake.add("clinics", clinic_id="survey", clinic_group="south", name="Survey")
    for clinic, file_id, table, n_received, n_duplicate, n_quarantined in [
        ("harbor", "ep1", "episodes", 2, 0, 0),
        ("harbor", "se1", "sessions", 9, 0, 1),
        ("harbor", "cl1", "clients", 1, 0, 0),
        ("harbor", "th1", "therapists", 1, 0, 0),
        ("harbor", "fo1", "responses", 1, 0, 0),
        ("harbor", "fo2", "responses", 18, 2, 0),
        ("survey", "sv1", "responses", 3, 0, 0),
        ("survey", "bad", None, 0, 0, 0),
    ]:
        lake.add(
            "files",
            clinic_id=clinic,
            file_id=file_id,
            source_file=f"{clinic}/{file_id}.csv",
            table_name=table,
            status="accepted" if table else "refused",
            n_received=n_received,
            n_duplicate=n_duplicate,
            n_quarantined=n_quarantined,
            n_erased=0,
        )
    lake.add(
        "quarantine",
        table_name="sessions",
        clinic_id="harbor",
        file_id="se1",
        source_line=10,
        row_key="s9",
        rule_id="N02",
        column_name="attendance",
        reason="attendance is not one of the five words",
        severity="quarantine",
        takes_row_out=True,
        run_id="run-1",
        seen_at="2026-06-30",
    )
