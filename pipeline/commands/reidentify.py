"""`rapport reidentify`: the only way back from a pseudonym to whom it stands for."""

from __future__ import annotations

import uuid

from pipeline.home import Home
from pipeline.storage.configuration import read_clinic
from pipeline.storage.duckdb_session import duck
from pipeline.storage.ledger import Ledger
from pipeline.vault.erased import tombstone_of
from pipeline.vault.identities import identities
from pipeline.vault.keys import read_vault
from transforms.errors import NothingToDoError
from transforms.intake.pseudonyms import GroupKey


def reidentify(home: Home, clinic_id: str, client_key: str, by: str, reason: str) -> list[str]:
    """Return the identifiers under which a clinic sent a client, and write that down first.

    The audit chain says who asked, why, for which clinic, and of whom by a keyed hash: who has the
    vault's key can tell which person was meant, nobody else can.

    Raises
    ------
    NothingToDoError
        The clinic never sent such a client, or withdrew or erased it. This is written down too.
    """
    key = _parsed(client_key)
    group = GroupKey.derive(read_vault(home).pseudonyms, read_clinic(home, clinic_id).group)
    with duck(home) as con, identities(con, home, clinic_id) as relation:
        query = (
            f"select distinct client_id from {relation} where client_key = $key::uuid order by 1"
        )
        found = con.execute(query, {"key": str(key)}).fetchall() if relation else []
    Ledger(home).note(
        "reidentify",
        clinic=clinic_id,
        by=by,
        reason=reason,
        subject=tombstone_of(group, key),
        found=len(found),
    )
    if not found:
        raise NothingToDoError(
            f"reidentify: {clinic_id} sent no client with this key, or it was withdrawn or erased. "
            "Take client_key from a published table. The attempt is written down."
        )
    return [client_id for (client_id,) in found]


def _parsed(client_key: str) -> uuid.UUID:
    try:
        return uuid.UUID(client_key)
    except ValueError:
        raise NothingToDoError(
            "reidentify: this is not a client_key. Take it from a published table, all of it."
        ) from None
