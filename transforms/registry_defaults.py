"""Version and language of a questionnaire where the clinic does not send them."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from transforms import sql


@dataclass(frozen=True)
class Defaults:
    """Two small tables: version by (instrument, rater), language by (…, version)."""

    versions: str
    languages: str

    def drop(self, con: duckdb.DuckDBPyConnection) -> None:
        """Forget the tables."""
        con.execute(f"drop table {self.versions}")
        con.execute(f"drop table {self.languages}")


def load_defaults(con: duckdb.DuckDBPyConnection, registry_rows: list[dict]) -> Defaults:
    """Load what is filled in; at most one row per key, so that joining it adds no rows.

    The version is the one marked default, or the only one there is.
    """
    rows = [
        (row["instrument_id"], row["rater"], row["version"], row["language"], row["is_default"])
        for row in registry_rows
    ]
    definitions, versions, languages = map(
        sql.new_relation, ("definitions", "default_versions", "default_languages")
    )
    con.execute(
        f"create temp table {definitions} "
        "(instrument varchar, rater varchar, version varchar, language varchar, is_default boolean)"
    )
    if rows:
        con.executemany(f"insert into {definitions} values (?, ?, ?, ?, ?)", rows)
    con.execute(
        f"""
        create temp table {versions} as
        select
            instrument, rater,
            coalesce(
                min(version) filter (where is_default),
                case when count(distinct version) = 1 then min(version) end
            ) as version
        from {definitions}
        group by instrument, rater
        """
    )
    con.execute(
        f"""
        create temp table {languages} as
        select
            instrument, rater, version,
            arg_min(language, {{'other': not coalesce(is_default, false), 'language': language}})
                as language
        from {definitions}
        group by instrument, rater, version
        """
    )
    con.execute(f"drop table {definitions}")
    return Defaults(versions, languages)
