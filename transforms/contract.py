"""The canonical tables every export is mapped into, as data.

This module knows column names, types, required columns, closed sets, references and which
columns identify a person. Readers, mapping, rule predicates, the lake and the dbt sources
are generated from it; nothing below is retyped elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

RATERS = ("client", "therapist", "observer")
ATTENDANCE = ("attended", "late", "cancelled_client", "cancelled_service", "dna")
ATTENDED = ("attended", "late")
SESSION_TYPES = ("assessment", "treatment", "review", "follow_up", "group", "admin")
DISCHARGE_REASONS = (
    "completed",
    "dropout",
    "declined",
    "not_taken_on",
    "moved_or_stepped",
    "provider_or_other",
    "deceased",
    "unknown",
)


@dataclass(frozen=True)
class Column:
    """One column of a canonical table.

    kind : text, integer, number, boolean, date, timestamp or id.
        A ``timestamp`` is the clinic's wall clock; the instant stands beside it as ``utc_name``.
        An ``id`` arrives as the clinic's identifier and leaves the door as a pseudonym under
        ``key_name`` (UUID); ``id_space`` says which identifiers share a pseudonym space.
    """

    name: str
    kind: str = "text"
    required: bool = False
    values: tuple[str, ...] = ()
    key_name: str = ""
    id_space: str = ""
    stays_in_vault: bool = False
    low: float | None = None
    high: float | None = None

    @property
    def lake_name(self) -> str:
        """Name behind the door: the key for an identifier, else the same name."""
        return self.key_name or {"instrument": "instrument_id"}.get(self.name, self.name)

    @property
    def utc_name(self) -> str:
        """Name of the instant in UTC beside a moment of the clinic's clock; else empty."""
        return f"{self.name}_utc" if self.kind == "timestamp" else ""

    @property
    def lake_type(self) -> str:
        """DuckDB type of the column in the lake."""
        return {
            "text": "VARCHAR",
            "integer": "BIGINT",
            "number": "DOUBLE",
            "boolean": "BOOLEAN",
            "date": "DATE",
            "timestamp": "TIMESTAMP",
            "id": "UUID",
        }[self.kind]


@dataclass(frozen=True)
class Table:
    """One canonical table. ``key`` is the lake column that is its natural key."""

    name: str
    grain: str
    key: str
    key_parts: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def required(self) -> tuple[str, ...]:
        """Columns a delivery must have."""
        return tuple(column.name for column in self.columns if column.required)

    def column(self, name: str) -> Column:
        """Return the column called ``name`` (clinic-side name)."""
        return next(column for column in self.columns if column.name == name)


def _id(name: str, space: str, *, required: bool = False) -> Column:
    return Column(name, "id", required, key_name=f"{space}_key", id_space=space)


# Places a row among those of its client and day where the clinic records no time of day. As the
# clinic counts: our own session number is worked out from the attended sessions.
ORDER = (
    Column("session_number", "integer"),
    # A week, a day since the start, a visit: anything that grows.
    Column("occasion", "number", low=0, high=9999),
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        Table(
            "responses",
            "one row per completed questionnaire",
            key="response_key",
            # Used where the export has no response_id.
            key_parts=("client_id", "instrument", "version", "rater", "completed_at", "session_id"),
            columns=(
                _id("response_id", "response"),
                _id("client_id", "client", required=True),
                Column("instrument", required=True),
                Column("version"),
                Column("rater", required=True, values=RATERS),
                Column("completed_at", "timestamp", required=True),
                Column("started_at", "timestamp"),
                _id("session_id", "session"),
                _id("episode_id", "episode"),
                _id("therapist_id", "therapist"),
                *ORDER,
                Column("language"),
                Column("mode"),
            ),
        ),
        Table(
            "sessions",
            "one row per booked session and client",
            key="session_key",
            key_parts=("session_id", "client_id"),
            columns=(
                _id("session_id", "session", required=True),
                _id("episode_id", "episode"),
                _id("client_id", "client", required=True),
                _id("therapist_id", "therapist", required=True),
                Column("session_at", "timestamp", required=True),
                Column("attendance", required=True, values=ATTENDANCE),
                Column("session_type", values=SESSION_TYPES),
                Column("duration_min", "number", low=0, high=600),
                Column("modality"),
                Column("homework_set", "boolean"),
                Column("homework_percent", "number", low=0, high=100),
                Column("feedback_reviewed", "boolean"),
                *ORDER,
                _id("group_id", "group"),
            ),
        ),
        Table(
            "episodes",
            "one row per treatment episode of a client",
            key="episode_key",
            key_parts=("episode_id",),
            columns=(
                _id("episode_id", "episode", required=True),
                _id("client_id", "client", required=True),
                _id("therapist_id", "therapist"),
                Column("referral_date", "date"),
                Column("start_date", "date", required=True),
                Column("end_date", "date"),
                Column("discharge_reason", values=DISCHARGE_REASONS),
                Column("modality"),
                Column("problem"),
                Column("step"),
            ),
        ),
        Table(
            "clients",
            "one row per client",
            key="client_key",
            key_parts=("client_id",),
            columns=(
                _id("client_id", "client", required=True),
                # The identifier that stays, where two were one person.
                Column("merged_into", "id", key_name="merged_into_key", id_space="client"),
                Column("birth_date", "date", stays_in_vault=True),
                Column("gender"),
                Column("first_language"),
                Column("employment"),
                Column("deprivation"),
            ),
        ),
        Table(
            "therapists",
            "one row per therapist and period of validity",
            key="therapist_row_key",
            key_parts=("therapist_id", "valid_from"),
            columns=(
                _id("therapist_id", "therapist", required=True),
                Column("profession"),
                Column("orientation"),
                Column("years_practising", "number", low=0, high=70),
                Column("valid_from", "date"),
                Column("valid_to", "date"),
            ),
        ),
    )
}

# Every lake row also carries where it came from.
PROVENANCE: tuple[tuple[str, str], ...] = (
    ("clinic_id", "VARCHAR"),
    ("source_file", "VARCHAR"),
    ("source_sheet", "VARCHAR"),
    ("source_line", "BIGINT"),
    ("file_id", "VARCHAR"),
    ("received_at", "TIMESTAMP"),
)


def lake_columns(table: Table) -> dict[str, str]:
    """Return the lake's columns of ``table`` in order: name to DuckDB type.

    Item answers (``item_1`` …) and ``submitted_<scale>`` of responses come on top and vary
    from file to file; they are DOUBLE.
    """
    columns: dict[str, str] = {}
    if table.key not in {column.lake_name for column in table.columns}:
        columns[table.key] = "UUID"
    for column in table.columns:
        if not column.stays_in_vault:
            columns[column.lake_name] = column.lake_type
        if column.utc_name:
            columns[column.utc_name] = column.lake_type
    return columns | dict(PROVENANCE)


def canonical_table(name: str) -> str | None:
    """Return the canonical table a file or sheet name starts with; aliases are rows of clients.

    Examples
    --------
    >>> canonical_table("Responses_2024-05.csv")
    'responses'
    """
    if name.lower().startswith("aliases"):
        return "clients"
    return next((table for table in TABLES if name.lower().startswith(table)), None)
