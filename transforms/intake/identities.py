"""Identifiers and their pseudonyms: once per distinct value, and into the vault.

A client fills thousands of rows; hashing each identifier once and joining is faster than
hashing every cell. The same small tables are what the vault keeps.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from transforms import sql
from transforms.cells import converted
from transforms.clinics.clinic import Clinic
from transforms.contract import TABLES, Column, Table
from transforms.intake.column_mapping import ColumnMapping
from transforms.intake.pseudonyms import GroupKey, id_message, pseudonym
from transforms.intake.source_rows import clean_cell, reading_of, row_filter

# Their identifiers stay in the vault, so that a pseudonym can be traced back and erased.
_KEPT = ("client", "therapist")
# Ids carry no control characters, so this cannot occur in one.
_UNIT = "\x1f"


@dataclass(frozen=True)
class KeyTables:
    """Temporary tables (id, key), one per space of identifiers that repeat in a table.

    ``joint`` holds the session identifiers that stand with several clients: one appointment of a
    couple, a family or a group, whose rows share a group key made of it. Empty for other tables.
    """

    relations: dict[str, str]
    joint: str = ""

    @classmethod
    def build(
        cls,
        con: duckdb.DuckDBPyConnection,
        table: Table,
        mappings: list[ColumnMapping],
        clinic: Clinic,
        key: GroupKey,
    ) -> KeyTables:
        """Hash every distinct client, therapist, session and episode once.

        An identifier that no feed gives has no table: its relation is empty text.
        """
        relations = {}
        for column in table.columns:
            if column.kind != "id" or is_row_id(table, column.name):
                continue
            relations[column.name] = ""
            if any(column.name in {**one.cells, **one.constants} for one in mappings):
                relation = sql.new_relation(f"{column.id_space}_keys")
                message = id_message(column.id_space, clinic.clinic, "id")
                sql.execute_quietly(
                    con,
                    f"create temp table {relation} as select id, {pseudonym(message)} as key "
                    f"from ({_distinct(column.name, mappings, clinic)})",
                    key.parameters,
                    step=f"pseudonyms of {column.name}",
                )
                relations[column.name] = relation
        joint = _joint_sessions(con, mappings, clinic, key) if table.name == "sessions" else ""
        return cls(relations, joint)

    def drop(self, con: duckdb.DuckDBPyConnection) -> None:
        """Forget the identifiers."""
        for relation in filter(None, [*self.relations.values(), self.joint]):
            con.execute(f"drop table {relation}")


def _joint_sessions(
    con: duckdb.DuckDBPyConnection, mappings: list[ColumnMapping], clinic: Clinic, key: GroupKey
) -> str:
    """Hash the session identifiers of a file that several clients share; return the table."""
    relation = sql.new_relation("joint_sessions")
    cells = " union all ".join(
        f"select {clean_cell(mapping, clinic, 'session_id')} as id, "
        f"{clean_cell(mapping, clinic, 'client_id')} as client "
        f"from {mapping.source.relation} where {row_filter(mapping, clinic)}"
        for mapping in mappings
    )
    message = id_message("group", clinic.clinic, "id")
    sql.execute_quietly(
        con,
        f"create temp table {relation} as select id, {pseudonym(message)} as key from "
        f"(select id from ({cells}) group by id having min(client) <> max(client))",
        key.parameters,
        step="appointments of several clients",
    )
    return relation


def keyed_by(column: Column, stem: str) -> str:
    """Return SQL for what a key is made of; ``stem`` stands before the names of the cells.

    One appointment may hold several clients (a couple, a group): a session's key is its
    identifier and the client, each client's row being one session.
    """
    if column.id_space != "session":
        return f"{stem}{column.name}"
    # A session without a client keeps a key of its own; a form without one has no session.
    client = f"coalesce({stem}client_id, '')" if column.required else f"{stem}client_id"
    return f"{stem}{column.name} || {sql.text(_UNIT)} || {client}"


def is_row_id(table: Table, column: str) -> bool:
    """Whether an identifier names the row itself and so hardly repeats."""
    named = table.column(column)
    return named.id_space not in _KEPT and named.key_name == table.key


def _distinct(column: str, mappings: list[ColumnMapping], clinic: Clinic) -> str:
    parts = []
    for mapping in mappings:
        named = TABLES[mapping.feed.table].column(column)
        names = dict.fromkeys([column, "client_id"]) if named.id_space == "session" else [column]
        cells = ", ".join(f"{clean_cell(mapping, clinic, name)} as t_{name}" for name in names)
        parts.append(
            f"select {keyed_by(named, 't_')} as id from (select {cells} "
            f"from {mapping.source.relation} where {row_filter(mapping, clinic)})"
        )
    return f"select distinct id from ({' union all '.join(parts)}) where id is not null"


def write_identities(
    con: duckdb.DuckDBPyConnection,
    table: Table,
    mappings: list[ColumnMapping],
    clinic: Clinic,
    keys: KeyTables,
    path: Path,
) -> None:
    """Write one row per client and one per therapist, with their keys, readable by the owner.

    Columns: client_id, client_key, birth_date, therapist_id, therapist_key; a row fills
    either the client's or the therapist's.
    """
    parts = []
    for column, relation in keys.relations.items():
        if not relation:
            continue
        if column == "client_id":
            births = _births(table, mappings, clinic)
            joined, birth = (
                (f"left join ({births}) using (id)", "birth_date") if births else ("", "null::date")
            )
            parts.append(
                f"select id as client_id, key as client_key, {birth} as birth_date, "
                f"null::varchar as therapist_id, null::uuid as therapist_key "
                f"from {relation} {joined}"
            )
        elif table.column(column).id_space == "client":
            parts.append(f"select id, key, null, null, null from {relation}")
        elif column == "therapist_id":
            parts.append(f"select null, null, null, id, key from {relation}")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    sql.execute_quietly(
        con,
        f"copy ({' union all '.join(_with_names(parts))}) to {sql.text(str(path))} "
        "(format parquet, use_tmp_file false)",
        step="writing identities",
    )


def _with_names(parts: list[str]) -> list[str]:
    """Put a typed, empty part first, so that names and types never depend on the table."""
    empty = (
        "select null::varchar as client_id, null::uuid as client_key, null::date as birth_date, "
        "null::varchar as therapist_id, null::uuid as therapist_key where false"
    )
    return [empty, *parts]


def _births(table: Table, mappings: list[ColumnMapping], clinic: Clinic) -> str:
    column = next((column for column in table.columns if column.stays_in_vault), None)
    if column is None:
        return ""
    parts = []
    for mapping in mappings:
        text = clean_cell(mapping, clinic, column.name)
        birth_date = converted(text, column.kind, reading_of(mapping, clinic))
        parts.append(
            f"select {clean_cell(mapping, clinic, 'client_id')} as id, {birth_date} as birth_date "
            f"from {mapping.source.relation} where {row_filter(mapping, clinic)}"
        )
    return (
        f"select distinct id, birth_date from ({' union all '.join(parts)}) "
        "where birth_date is not null"
    )
