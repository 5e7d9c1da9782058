"""One person is taken out of everything outside landing/, and stays out."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import duckdb
import pytest

from pipeline.audit.search import Wanted, landing_files, search
from pipeline.commands.certificate import certificate_text
from pipeline.home import Home
from pipeline.steps import erase as erasing
from pipeline.storage import lake
from pipeline.storage.configuration import read_clinic
from pipeline.storage.form_profiles import accepted_profiles
from pipeline.storage.ledger import Ledger
from pipeline.vault import erased
from pipeline.vault.keys import open_vault
from tests.pipeline.half_nights import Clinic
from transforms.contract import TABLES
from transforms.errors import BuildError, NothingToDoError
from transforms.intake.pseudonyms import GroupKey

WHO, OTHER = "patient-10423", "patient-20001"
OLD, NEW = "2026-01-01T00-00-00Z", "run9"
SESSIONS = "session_id,client_id,therapist_id,session_at,attendance"
CLIENTS = "client_id,birth_date,gender"


def form(name: str, client: str, answer: int = 1, at: str = "") -> str:
    """Return a form of January, on the day its name says."""
    return f"{name},{client},phq9,client,{at or f'2026-01-{name[1:]:0>2} 10:00'}" + f",{answer}" * 9


@pytest.fixture
def held(clinic) -> Clinic:
    """A clinic with rows of two persons: loaded, replaced, repeated and held back."""
    clinic.land("clients.csv", f"{WHO},1980-01-01,f", f"{OTHER},1981-01-01,m", header=CLIENTS)
    clinic.land(
        "sessions.csv",
        f"s1,{WHO},t1,2026-01-05 10:00,attended",
        f"g1,{WHO},t1,2026-01-06 10:00,attended",
        f"s2,{OTHER},t1,2026-01-06 10:00,attended",
        header=SESSIONS,
    )
    # Held back, without a key.
    clinic.land("sessions_2.csv", f",{WHO},t1,2026-01-07 10:00,attended", header=SESSIONS)
    clinic.land("responses_1.csv", form("r1", WHO), form("r2", OTHER), form("r3", WHO, at="soon"))
    clinic.night()
    clinic.land("responses_2.csv", form("r1", WHO, 3), form("r2", OTHER), form("r4", OTHER, 2))
    clinic.night()
    clinic.land("responses_3.csv", form("r1", WHO, 3), form("r5", OTHER, 2))
    clinic.night()
    _plant(clinic.place)
    return clinic


def client_key(place: Home, identifier: str = WHO):
    group = read_clinic(place, "clinic").group
    return GroupKey.derive(open_vault(place).pseudonyms, group).pseudonym_of(f"client|{identifier}")


def _plant(place: Home) -> None:
    """Put the person where a night leaves traces: two releases, pages, work, logs, alerts."""
    who, other, alert = client_key(place), client_key(place, OTHER), "0" * 31 + "7"
    for run_id in (OLD, "run1"):
        release(place, run_id, f"select '{who}'::uuid as client_key, '{alert}'::uuid as alert_key "
                f"union all select '{other}', '{'0' * 31}8'")  # fmt: skip
    place.published.symlink_to(place.release("run1"))
    (place.lake / "alerts").mkdir()
    with duckdb.connect() as con:
        con.execute(
            f"copy (select '{alert}'::uuid as alert_key) to '{place.lake}/alerts/a.parquet'"
        )
    for name, content in {
        "reports/run1/rows.csv": f"{who}",
        "vault/pages/morning/t.html": f"{WHO}",
        f"vault/pages/case/{who}.html": f"{WHO}",
        "airflow/logs/task.log": f"before {str(who).upper()} after {WHO} and {WHO}7",
        "work/run1/notes.txt": who.hex,
    }.items():
        (place.root / name).parent.mkdir(parents=True, exist_ok=True)
        (place.root / name).write_text(content)


def release(place: Home, run_id: str, rows: str) -> None:
    place.release(run_id).parent.mkdir()
    with duckdb.connect(str(place.release(run_id))) as con:
        con.execute(f"create schema core; create table core.fct_alerts as {rows}")
        con.execute("create table core.notes (client_key uuid not null, n integer)")
        con.execute("comment on table core.notes is 'kept'")
        con.execute("create view core.counted as select count(*) as n from core.fct_alerts")


def wanted_of(place: Home, erasure: erased.Erasure) -> Wanted:
    return Wanted.of(erasure.client_key, erasure.keys, erasure.client_id)


def balance(clinic: Clinic) -> dict[tuple[str, str], tuple]:
    """Return received, stored, duplicate, quarantined and erased by file and table."""
    names = {row["file_id"]: row["source_file"] for row in clinic.ledger.all_files()}
    found = {}
    for row in clinic.ledger.all_file_tables():
        path = lake.lake_file(
            clinic.place, row["table_name"], "clinic", f"{row['file_id']}.parquet"
        )
        count = f"select count(*) from read_parquet('{path}')"
        stored = clinic.ask(count)[0][0] if path.exists() else 0
        assert stored == row["n_accepted"]
        parts = stored, row["n_duplicate"], row["n_quarantined"], row["n_erased"]
        assert row["n_received"] == sum(parts)
        found[names[row["file_id"]], row["table_name"]] = (row["n_received"], *parts)
    return found


ERASED = {
    ("clients.csv", "clients"): (2, 1, 0, 0, 1),
    ("sessions.csv", "sessions"): (3, 1, 0, 0, 2),
    ("sessions_2.csv", "sessions"): (1, 0, 0, 0, 1),
    ("responses_1.csv", "responses"): (3, 1, 0, 0, 2),
    ("responses_2.csv", "responses"): (3, 1, 1, 0, 1),
    ("responses_3.csv", "responses"): (2, 1, 1, 0, 0),
}


def test_the_search_finds_the_person_in_every_kind_of_file(held):
    place = held.place
    erasure = erasing.begin(place, held.ledger, "clinic", WHO)
    places = search(place, wanted_of(place, erasure)).places

    for part in (
        "vault/identities", "vault/erased", "lake/clients", "lake/sessions", "lake/responses",
        "lake/superseded/responses", "lake/repeats/responses", "lake/scores", "lake/client_ages",
        "lake/quality/quarantine", "lake/alerts", "quarantine/responses", f"releases/{OLD}",
        "releases/run1", "reports/run1", "airflow/logs", "work/run1",
    ):  # fmt: skip
        assert any(name.startswith(part) for name in places), part
    assert not any(name.startswith("landing") for name in places)


def test_nothing_is_left_but_in_landing_and_the_rest_stays(held):
    place = held.place
    erasure = erasing.begin(place, held.ledger, "clinic", f" {WHO} ")
    wanted = wanted_of(place, erasure)
    own = erased.sealed_path(place, erasure.tombstone)
    erasing.purge(place, held.ledger, erasure)

    assert search(place, wanted, [own]).places == ()
    assert not (place.vault / "pages").exists()
    assert landing_files(place, wanted) == [
        f"landing/clinic/{name}.csv"
        for name in (
            "clients",
            "responses_1",
            "responses_2",
            "responses_3",
            "sessions",
            "sessions_2",
        )
    ]
    assert balance(held) == ERASED
    findings = f"read_parquet('{place.lake}/quality/quarantine/clinic/*.parquet')"
    assert held.ask(f"select * from {findings} where table_name = 'sessions'") == []
    assert held.days() == [2, 4, 5]
    log = (place.root / "airflow" / "logs" / "task.log").read_text()
    assert log == f"before {'x' * 36} after {'x' * 13} and {WHO}7"
    assert not place.release(OLD).exists()
    with duckdb.connect(str(place.release("run1")), read_only=True) as con:
        assert con.execute("select client_key::varchar from core.fct_alerts").fetchall() == [
            (str(client_key(place, OTHER)),)
        ]
        assert con.execute("from core.counted").fetchall() == [(1,)]
        kept = "select comment from duckdb_tables() where table_name = 'notes'"
        assert con.execute(kept).fetchall() == [("kept",)]
    (forms,) = (one.forms for one in accepted_profiles(place, "clinic")
                if one.source_file == "responses_2.csv")  # fmt: skip
    assert [form.n_forms for form in forms] == [1]


def test_the_certificate_names_nobody_and_waits_for_a_release_without_the_person(held):
    place, at = held.place, datetime(2026, 2, 9, tzinfo=UTC)
    erasure = erasing.begin(place, held.ledger, "clinic", WHO)
    erasing.purge(place, held.ledger, erasure)
    assert erasing.needs_release(place)
    with pytest.raises(BuildError, match="no new release was published"):
        erasing.certify(place, erasure, at)

    release(place, NEW, "select null::uuid as client_key where false")
    place.published.unlink()
    place.published.symlink_to(place.release(NEW))
    done = erasing.certify(place, erasure, at)

    printed = certificate_text(done)
    assert "erased       5 row(s) from the lake and 2 from quarantine, of 5 delivered" in printed
    assert WHO not in printed
    assert not erased.under_way(place)
    assert not place.release("run1").exists(), "its difference would show one person's scores"
    (stone,) = (place.vault / "erased").iterdir()
    assert json.loads(stone.read_text()) == {"erased_on": "2026-02-09"}

    again = erasing.begin(place, held.ledger, "clinic", WHO)
    erasing.purge(place, held.ledger, again)
    assert not erasing.needs_release(place)
    assert erasing.certify(place, again, at).n_loaded == 0


def test_a_leak_stops_the_certificate(held):
    place = held.place
    erasure = erasing.begin(place, held.ledger, "clinic", WHO)
    erasing.purge(place, held.ledger, erasure)
    release(place, NEW, f"select '{erasure.keys[0]}' as note")
    place.published.unlink()
    place.published.symlink_to(place.release(NEW))

    with pytest.raises(BuildError, match=f"1 file.* such as releases/{NEW}/analytics.duckdb"):
        erasing.certify(place, erasure, datetime.now(UTC))
    assert erased.under_way(place)


def test_a_later_delivery_of_the_person_stays_out_and_is_counted(held):
    place = held.place
    erasure = erasing.begin(place, held.ledger, "clinic", WHO)
    erasing.purge(place, held.ledger, erasure)
    held.land("responses_4.csv", form("r8", WHO, 2), form("r9", OTHER, 2))
    held.land("clients_2.csv", f"{WHO},1980-01-01,f", f"{OTHER},1981-01-01,x", header=CLIENTS)
    held.land("responses_1.csv", form("r1", WHO), form("r3", WHO))

    held.night()

    found = balance(held)
    assert found["responses_4.csv", "responses"] == (2, 1, 0, 0, 1)
    assert found["clients_2.csv", "clients"] == (2, 1, 0, 0, 1)
    assert found["responses_1.csv", "responses"] == (2, 0, 0, 0, 2)
    own = erased.sealed_path(place, erasure.tombstone)
    assert search(place, wanted_of(place, erasure), [own]).places == ()


def test_who_is_not_held_is_not_erased(held):
    with pytest.raises(NothingToDoError, match="nothing is held of a client of clinic") as refusal:
        erasing.begin(held.place, held.ledger, "clinic", "somebody-else")
    assert "somebody" not in str(refusal.value)
    assert not (held.place.vault / "erased").exists()


def test_a_key_others_have_too_is_not_the_persons(held):
    """A session of two clients: its key stays, with the other's row."""
    table = held.place.lake / "sessions" / "clinic=clinic"
    (path,) = table.glob("*.parquet")
    new = path.with_name(".new")
    with duckdb.connect() as con:
        (shared,) = con.execute(
            f"select session_key from read_parquet('{path}') where source_line = 3"
        ).fetchone()
        con.execute(
            f"copy (select * replace (case when source_line = 4 then '{shared}'::uuid "
            f"else session_key end as session_key) from read_parquet('{path}')) "
            f"to '{new}' (format parquet)"
        )
    new.rename(path)

    erasure = erasing.begin(held.place, held.ledger, "clinic", WHO)

    assert str(shared) not in erasure.keys
    erasing.purge(held.place, held.ledger, erasure)
    left = held.ask(
        f"select session_key from ({lake.current_rows(held.place, TABLES['sessions'])})"
    )
    assert left == [(shared,)]


STEPS = (
    (erasing, "copy_query"),
    (erasing, "_forget_lines"),
    (erasing, "profile_what_is_left"),
    (Ledger, "set_counts"),
    (erasing, "write_quality_tables"),
    (erasing, "_rewrite_release"),
    (erasing, "_drop_pages"),
    (erasing, "redact"),
)


@pytest.mark.parametrize(("where", "step"), STEPS, ids=[step for _, step in STEPS])
def test_killed_at_any_step_it_is_finished_by_whoever_comes_next(held, monkeypatch, where, step):
    place = held.place
    erasure = erasing.begin(place, held.ledger, "clinic", WHO)
    real, calls = getattr(where, step), []

    def killed(*arguments, **options):
        calls.append(step)
        if len(calls) == 2 or step != "copy_query":  # in the midst of the files
            raise KeyboardInterrupt
        return real(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(where, step, killed)
        with pytest.raises(KeyboardInterrupt):
            erasing.purge(place, held.ledger, erasure)

    assert erasing.begin(place, held.ledger, "clinic", WHO) == erasure
    erasing.resume(place, held.ledger)

    own = erased.sealed_path(place, erasure.tombstone)
    assert search(place, wanted_of(place, erasure), [own]).places == ()
    assert balance(held) == ERASED
