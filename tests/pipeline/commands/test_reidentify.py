"""From a pseudonym back to a person: by one command, and never without a word in the chain."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.vault.erased import tombstone_of
from pipeline.vault.identities import identities
from pipeline.vault.keys import open_vault
from transforms.intake.pseudonyms import GroupKey

WHO = "patient-10423"


@pytest.fixture
def ask(clinic, con, monkeypatch):
    """Return a function that gives `rapport reidentify` over a clinic that knows one client."""
    monkeypatch.setenv("RAPPORT_CONFIG", str(clinic.place.config))
    clinic.land("clients.csv", f"{WHO},1980-01-01,f", header="client_id,birth_date,gender")
    clinic.night()

    def given(client_key: str, *more: str):
        command = ["reidentify", "--clinic", "clinic", "--client-key", client_key]
        return CliRunner().invoke(app, [*command, "--home", str(clinic.place.root), *more])

    return given


def key_of(clinic, con) -> str:
    with identities(con, clinic.place, "clinic") as relation:
        return str(con.execute(f"select client_key from {relation}").fetchall()[0][0])


def test_the_identifier_is_said_once_it_stands_in_the_chain(ask, clinic, con):
    ended = ask(key_of(clinic, con), "--reason", "risk alert", "--by", "Dr. A")

    assert ended.exit_code == 0, ended.output
    assert ended.stdout == f"{WHO}\n"
    entry = clinic.ledger.audit_entries()[-1]
    said = json.loads(entry["detail"])
    assert entry["event"] == "reidentify"
    assert (said["by"], said["reason"], said["clinic"], said["found"]) == (
        "Dr. A", "risk alert", "clinic", 1,
    )  # fmt: skip
    group = GroupKey.derive(open_vault(clinic.place).pseudonyms, "clinic")
    client_key = group.pseudonym_of(f"client|{WHO}")
    assert said["subject"] == tombstone_of(group, client_key)
    assert WHO not in entry["detail"]
    assert str(client_key) not in entry["detail"]
    assert CliRunner().invoke(
        app, ["audit", "verify", "--home", str(clinic.place.root)]
    ).exit_code == 0  # fmt: skip


def test_nothing_is_shown_when_the_chain_cannot_be_written(ask, clinic, con, monkeypatch):
    monkeypatch.setattr("pipeline.storage.ledger.Ledger.note", lambda *_, **__: 1 / 0)

    ended = ask(key_of(clinic, con), "--reason", "risk alert")

    assert ended.exit_code == 1
    assert WHO not in ended.output


@pytest.mark.parametrize("key", ["00000000-0000-0000-0000-000000000007", "somebody"])
def test_who_is_not_known_is_asked_for_in_the_chain_too(ask, clinic, key):
    before = len(clinic.ledger.audit_entries())

    ended = ask(key, "--reason", "curiosity")

    assert ended.exit_code == 1
    assert key not in ended.output
    assert len(clinic.ledger.audit_entries()) - before == (key != "somebody")


def test_without_a_reason_nothing_is_said(ask, clinic, con):
    assert ask(key_of(clinic, con), "--reason", " ").exit_code == 2
    assert ask(key_of(clinic, con)).exit_code == 2


def test_a_rotated_key_still_leads_back_and_the_chain_says_so(ask, clinic, con):
    known = key_of(clinic, con)

    ended = CliRunner().invoke(app, ["rotate-key", "--home", str(clinic.place.root)])

    assert ended.exit_code == 0, ended.output
    assert "1 file(s) sealed anew" in ended.output
    events = [entry["event"] for entry in clinic.ledger.audit_entries()]
    assert events[-2:] == ["key rotation begun", "key rotation"]
    assert ask(known, "--reason", "call back").stdout == f"{WHO}\n"
