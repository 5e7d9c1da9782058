"""public.duckdb and the other files of a release: who finds what, from night to night."""

from __future__ import annotations

import shutil
import stat
from datetime import date

import duckdb
import pyarrow as pa
import pytest

from expectations.published.disclosure import check_public
from pipeline.home import REPOSITORY, Home
from pipeline.steps import publish
from pipeline.steps.public_file import write_public
from pipeline.steps.role_files import write_role_files
from tests.transforms.disclosure.made_tables import CHANGE, network, structure, tables_of
from tests.transforms.disclosure.test_attack import more
from transforms.errors import BuildError

DAY = date(2026, 1, 1)
KINDS = {"counts": pa.int64(), "staff": pa.int64(), "statistic": pa.float64()}
KINDS |= {"disagreement": pa.bool_()}


@pytest.fixture
def made():
    return network({"clinic0": 60, "clinic1": 45, "clinic2": 8, "clinic3": 33}, 1)


def build(home, made, extra=""):
    """Write an analytics.duckdb that holds every public table, three of them with rows."""
    home.building.parent.mkdir(parents=True)
    with duckdb.connect(str(home.building)) as con:
        for schema in publish.PUBLIC_SCHEMAS:
            con.execute(f"create schema {schema}")
        clinics = list(made.groups)
        con.register("c", pa.table({"clinic_id": clinics, "clinic_group": [*made.groups.values()]}))
        con.execute("create table core.dim_clinics as select *, clinic_id as clinic_name from c")
        con.execute("create table core.dim_instruments as select 'phq9' as instrument_id")
        con.execute("create table core.fct_episodes as select clinic_id, uuid() as k from c")
        con.execute("create table quality.dq_rules as select 'F01' as rule_id")
        con.execute("create table process.pooled as select 1 as estimate")
        con.execute(
            "create table process.expected_response_curves as "
            "select unnest([1, 2]) as session, unnest([11, 10]) as n_episodes"
        )
        rows = tables_of(made)
        for name, table in structure().tables.items():
            kinds = {c: KINDS.get(role, pa.string()) for c, role in table.roles.items()}
            kinds |= {"ci_level": pa.float64()} if "ci_level" in kinds else {}
            con.register("r", pa.Table.from_pylist(rows.get(name, []), schema=pa.schema(kinds)))
            con.execute(f"create table {name} as select *{extra} from r")
    return home.building


def night(home, made, run_id, day=DAY):
    build(home, made)
    write_public(home, run_id, day)
    write_role_files(home)
    publish.publish(home, run_id)


def told(path, query=f"select * from {CHANGE} order by all"):
    with duckdb.connect(str(path), read_only=True) as con:
        return con.execute(query).fetchall()


def test_all_files_are_of_one_release_and_go_back_together(home, made):
    night(home, made, "r1")
    night(home, more(made, 30), "r2")
    links = [home.published.parent / link for link in publish.LINKS]

    assert {link.resolve().parent.name for link in links} == {"r2"}
    publish.rollback(home)
    assert {link.resolve().parent.name for link in links} == {"r1"}


def test_outsiders_keep_their_rows_until_enough_has_changed(home, made):
    night(home, made, "r1")
    first = told(home.public)
    night(home, more(made, 1), "r2")
    second = told(home.public)
    night(home, more(made, 30), "r3")

    assert first == second
    assert told(home.public) != second


def test_few_at_a_time_add_up_to_enough(home, made):
    """What counts is what outsiders have, not the night before."""
    seen = []
    for n in (0, 5, 10, 15):
        night(home, more(made, n), f"r{n:02}")
        seen.append(told(home.public))

    assert seen[0] == seen[1] == seen[2] != seen[3]


def test_after_a_rollback_the_newest_release_is_what_outsiders_know(home, made):
    night(home, made, "r1")
    night(home, more(made, 30), "r2")
    second = told(home.public)
    publish.rollback(home)
    night(home, more(made, 31), "r3")

    assert told(home.public) == second


def test_a_column_without_a_role_stops_the_build(home, made):
    build(home, made, extra=", 1 as n_secret")

    with pytest.raises(BuildError, match="no role for n_secret"):
        write_public(home, "r1", DAY)


def test_the_site_sets_its_own_policy(tmp_path, home, made):
    shipped = (REPOSITORY / "config" / "disclosure.yml").read_text(encoding="utf-8")
    config = tmp_path / "config"
    config.mkdir()
    (config / "disclosure.yml").write_text(
        shipped.replace("threshold: 11", "threshold: 5"), encoding="utf-8"
    )
    object.__setattr__(home, "config", config)
    night(home, made, "r1")
    smallest = f"select min(n_episodes) from {CHANGE} where n_episodes > 0"

    assert told(home.public, smallest)[0][0] < 11


def test_the_exact_rows_are_for_nobody_and_no_file_is_open_to_all(home, made):
    night(home, made, "r1")
    release = home.release("r1").parent

    assert stat.S_IMODE((release / "basis").stat().st_mode) == 0o700
    for path in release.rglob("*.*"):
        allowed = 0o600 if path.parent.name == "basis" else 0o640
        assert path.is_dir() or stat.S_IMODE(path.stat().st_mode) == allowed


def test_a_clinic_finds_its_own_rows_and_no_pooled_table(home, made):
    night(home, made, "r1")
    own = home.published.parent / "clinics" / "clinic3.duckdb"
    tables = "select distinct table_name from duckdb_tables() order by 1"

    assert told(own, "select clinic_id from core.fct_episodes") == [("clinic3",)]
    assert told(own, f"select distinct scope_level, scope_id from {CHANGE}") == [
        ("clinic", "clinic3")
    ]
    assert ("dq_rules",) in told(own, tables)
    assert ("pooled",) not in told(own, tables)


def test_the_qa_leads_file_has_no_course(home, made):
    night(home, made, "r1")
    quality = home.published.parent / "quality.duckdb"

    for path in (quality, quality.resolve()):
        assert told(path, "select rule_id from quality.dq_rules") == [("F01",)]
    assert told(quality, "select count(*) from duckdb_tables() where table_name like 'fct%'") == [
        (0,)
    ]


def test_a_clinic_reads_of_all_clinics_no_small_count(home, made):
    night(home, made, "r1")
    own = home.published.parent / "clinics" / "clinic3.duckdb"
    curves = "select session, n_episodes from process.expected_response_curves order by 1"

    assert told(own, curves) == [(1, 11), (2, None)]
    assert told(home.published, curves) == [(1, 11), (2, 10)]


# Rule P06.


@pytest.fixture(scope="module")
def public_file(tmp_path_factory):
    """A public file as a night writes it."""
    place = Home(tmp_path_factory.mktemp("p06") / "home")
    place.root.mkdir()
    place.prepare()
    build(place, network({"clinic0": 60, "clinic1": 45, "clinic2": 8, "clinic3": 33}, 1))
    write_public(place, "r1", DAY)
    return place.building_public


def failures(public_file, folder, change: str) -> tuple[int, int]:
    """Return the rows of a changed copy of the public file, and how much P06 finds in them."""
    copy = folder / "public.duckdb"
    shutil.copy(public_file, copy)
    with duckdb.connect(str(copy)) as con:
        (n_rows,) = con.execute(f"update {CHANGE} set {change}").fetchone()
    (found,) = [m for m in check_public(copy, structure()) if m.table_name == CHANGE]
    return n_rows, found.n_failed


def test_the_public_file_keeps_its_promise(public_file):
    found = {m.table_name: m for m in check_public(public_file, structure())}

    assert found.keys() == structure().tables.keys()
    assert {m.n_failed for m in found.values()} == {0}
    assert found[CHANGE].n_scope > 30


@pytest.mark.parametrize(
    ("printed", "is_broken"),
    [(0, False), (1, True), (5, True), (10, True), (15, False), (16, True)],
)
def test_a_small_count_or_an_exact_one_is_found(public_file, tmp_path, printed, is_broken):
    n_rows, n_failed = failures(public_file, tmp_path, f"n_excluded = {printed}")

    assert n_failed == (n_rows if is_broken else 0)


def test_a_statistic_beside_a_hidden_number_of_persons_is_found(public_file, tmp_path):
    n_rows, n_failed = failures(
        public_file, tmp_path, "n_events = null, n_episodes = null, estimate = 0.5"
    )

    assert n_failed == n_rows
