"""Version and language of a questionnaire where the clinic does not send them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb

from transforms import sql


@dataclass(frozen=True)
class Defaults:
    """Two small tables, at most one row per key, so that joining them adds no rows.

    versions : version and its language by (instrument, rater).
    languages : language by (instrument, rater, version).
    """

    versions: str
    languages: str

    def drop(self, con: duckdb.DuckDBPyConnection) -> None:
        """Forget the tables."""
        con.execute(f"drop table {self.versions}")
        con.execute(f"drop table {self.languages}")


def load_defaults(con: duckdb.DuckDBPyConnection, registry_rows: list[dict[str, Any]]) -> Defaults:
    """Load what is filled in: the version marked default, or the only one there is."""
    versions = sql.new_relation("default_versions")
    languages = sql.new_relation("default_languages")
    con.execute(
        f"""
        create temp table {languages} as
        select
            instrument, rater, version,
            bool_or(is_default) as is_default,
            arg_min(language, {{'is_other': not is_default, 'language': language}}) as language
        from {_definitions(registry_rows)}
        group by instrument, rater, version
        """
    )
    con.execute(
        f"""
        create temp table {versions} as
        select
            instrument, rater,
            arg_min(version, {{'is_other': not is_default, 'version': version}}) as version,
            arg_min(language, {{'is_other': not is_default, 'version': version}}) as language
        from {languages}
        group by instrument, rater
        having bool_or(is_default) or count(*) = 1
        """
    )
    return Defaults(versions, languages)


def _definitions(registry_rows: list[dict[str, Any]]) -> str:
    columns = ("instrument_id", "rater", "version", "language")
    rows = [
        f"({', '.join(_literal(row[column]) for column in columns)}, {bool(row['is_default'])})"
        for row in registry_rows
    ]
    # The empty row keeps an empty registry valid SQL; it joins to nothing.
    rows.append("(null::varchar, null::varchar, null::varchar, null::varchar, false)")
    names = "instrument, rater, version, language, is_default"
    return f"(values {', '.join(rows)}) as definitions ({names})"


def _literal(value: str | None) -> str:
    return "null" if value is None else sql.text(value)
