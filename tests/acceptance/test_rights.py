"""Withdrawal and erasure over whole nights, as a person at the command line does them."""

from __future__ import annotations

import csv
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from demo import generate
from pipeline.audit.search import Wanted, search
from pipeline.home import REPOSITORY, Home
from pipeline.storage.configuration import read_clinic
from pipeline.vault.keys import open_vault
from transforms.intake.pseudonyms import GroupKey

BALANCE = """
    select sum(n_received), sum(n_loaded), sum(n_duplicate + n_superseded), sum(n_quarantined),
        sum(n_erased), bool_and(is_balanced)
    from quality.dq_balance
"""


def rapport(place: Home, *arguments: str, umask: int = 0) -> tuple[int, str]:
    """Run the command line as a process of its own, with a careless umask."""
    ended = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", *arguments, "--home", str(place.root)],
        cwd=REPOSITORY,
        env={key: value for key, value in os.environ.items() if key != "RAPPORT_KEY"},
        capture_output=True,
        text=True,
        umask=umask,
        check=False,
    )
    return ended.returncode, ended.stdout + ended.stderr


def ask(place: Home, query: str) -> list[tuple]:
    with duckdb.connect(str(place.published.resolve()), read_only=True) as con:
        return con.execute(query).fetchall()


def open_to_others(place: Home) -> list[str]:
    """Return what others may read or write, other than landing and what is published."""
    return [
        path.relative_to(place.root).as_posix()
        for path in place.root.rglob("*")
        if not path.is_symlink()
        and path.relative_to(place.root).parts[0]
        not in ("landing", "demo", "releases", "published")
        and path.stat().st_mode & 0o077
    ]


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Home:
    made = Home(tmp_path_factory.mktemp("rights"))
    made.prepare()
    generate(made.landing, made.root / "demo", n_sessions=1_500, seed=1)
    code, said = rapport(made, "run")
    assert code == 0, said
    return made


@pytest.mark.slow
def test_files_are_private_whatever_the_umask(place):
    assert open_to_others(place) == []
    release = place.published.resolve()
    assert stat.S_IMODE(release.stat().st_mode) == 0o640
    for folder in (release.parent, place.releases, place.published.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o750
    assert stat.S_IMODE(place.root.stat().st_mode) & 0o017 == 0o010


@pytest.mark.slow
def test_a_withdrawn_file_is_out_of_the_next_release_and_everything_balances(place):
    name, n_scores = "responses_relationship.csv", "select count(*) from core.fct_scores"
    before = ask(place, n_scores)[0][0]
    code, said = rapport(place, "withdraw", f"harbor/{name}", "--why", "a test export")
    assert code == 0, said
    assert f"harbor/{name} is withdrawn" in said

    code, said = rapport(place, "run", umask=0o077)
    assert code == 0, said
    assert ask(place, n_scores)[0][0] < before
    *counts, is_balanced = ask(place, BALANCE)[0]
    assert is_balanced
    assert counts[0] == sum(counts[1:])
    status = "select distinct status from quality.dq_balance where source_file = ?"
    with duckdb.connect(str(place.published.resolve()), read_only=True) as con:
        assert con.execute(status, [name]).fetchall() == [("withdrawn",)]


@pytest.mark.slow
def test_an_erased_person_is_nowhere_and_stays_out(place):
    identifier = _somebody(place)
    key = GroupKey.derive(open_vault(place).pseudonyms, read_clinic(place, "harbor").group)
    client_key = key.pseudonym_of(f"client|{identifier}")
    wanted = Wanted.of(str(client_key), [], identifier)
    held = f"select count(*) from core.dim_clients where client_key = '{client_key}'"
    assert ask(place, held) == [(1,)]
    assert search(place, wanted).places

    code, said = rapport(place, "erase", "--clinic", "harbor", "--client-id", identifier)

    assert code == 0, said
    assert re.search(r"Certificate of erasure [0-9a-f]{16}", said)
    assert identifier not in said.replace("landing/", "")
    assert "landing/harbor/" in said
    assert ask(place, held) == [(0,)]
    assert search(place, wanted).places == ()
    *counts, is_balanced = ask(place, BALANCE)[0]
    assert is_balanced
    assert counts[0] == sum(counts[1:])
    assert counts[4] > 0
    assert [path.name for path in place.releases.iterdir()] == [
        place.published.resolve().parent.name
    ]
    assert open_to_others(place) == []
    code, said = rapport(place, "audit", "verify")
    assert code == 0, said
    code, said = rapport(place, "audit", "list")
    events = {re.split(r" {2,}", line.strip())[2] for line in said.splitlines()}
    assert {"run started", "file", "withdrawal", "erasure", "certificate of erasure"} <= events
    assert identifier not in said


def _somebody(place: Home) -> str:
    """Return the identifier of a client of harbor of whom much is held."""
    counts: dict[str, int] = {}
    for path in sorted((place.landing / "harbor").glob("responses*.csv")):
        with Path(path).open(encoding="utf-8-sig", newline="") as lines:
            for row in csv.DictReader(lines):
                counts[row["client_id"]] = counts.get(row["client_id"], 0) + 1
    return max(sorted(counts), key=counts.get)
