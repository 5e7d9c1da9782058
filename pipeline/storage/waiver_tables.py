"""Waivers and the rule catalogue as tables of the lake, rewritten every night."""

from __future__ import annotations

from datetime import date

import pyarrow as pa

from expectations.catalogue import Catalogue
from expectations.waivers import EVERY_CLINIC, Waiver, load_waivers
from pipeline.home import Home
from pipeline.storage.configuration import rules
from pipeline.storage.parquet import write_rows
from pipeline.storage.quarantine import WHOLE_FILE
from transforms.statistics.withheld import Record

WAIVERS = pa.schema(
    [
        ("rule_id", pa.string()),
        ("clinic_id", pa.string()),
        ("table_name", pa.string()),
        ("source_file", pa.string()),
        ("column_name", pa.string()),
        ("scope", pa.string()),
        ("who", pa.string()),
        ("why", pa.string()),
        ("valid_from", pa.date32()),
        ("valid_until", pa.date32()),
        ("is_active", pa.bool_()),
        ("is_expired", pa.bool_()),
        ("days_left", pa.int64()),
    ]
)
RULES = pa.schema(
    [
        ("rule_id", pa.string()),
        ("table_name", pa.string()),
        ("title", pa.string()),
        ("category", pa.string()),
        ("severity", pa.string()),
        ("threshold", pa.float64()),
        ("denominator", pa.string()),
        ("owner", pa.string()),
        ("why", pa.string()),
        ("downstream", pa.string()),
        ("remedy", pa.string()),
        ("takes_row_out", pa.bool_()),
    ]
)
APPROVALS = pa.schema(
    [
        ("run_id", pa.string()),
        ("asked_at", pa.timestamp("us")),
        ("asked_because", pa.string()),
        ("choice", pa.string()),
        ("decided_by", pa.string()),
        ("reason", pa.string()),
        ("decided_at", pa.timestamp("us")),
    ]
)


def read_waivers(home: Home) -> tuple[Waiver, ...]:
    """Return the waivers of config/waivers.yml."""
    return load_waivers(home.config / "waivers.yml", rules(home))


def write_waivers_and_rules(home: Home, on: date) -> None:
    """Export waivers and rules for dbt; ``on`` is the day of the run, which decides what counts."""
    folder = home.lake / "quality"
    write_rows(
        folder / "waivers.parquet", [_waiver_row(w, on) for w in read_waivers(home)], WAIVERS
    )
    write_rows(folder / "rules.parquet", _rule_rows(rules(home)), RULES)
    write_rows(folder / "approvals" / "empty.parquet", [], APPROVALS)


def _waiver_row(waiver: Waiver, on: date) -> Record:
    return {
        "rule_id": waiver.rule,
        "clinic_id": None if waiver.clinic == EVERY_CLINIC else waiver.clinic,
        "table_name": waiver.table,
        "source_file": waiver.file,
        "column_name": waiver.column,
        "scope": waiver.scope,
        "who": waiver.who,
        "why": waiver.why,
        "valid_from": waiver.valid_from,
        "valid_until": waiver.until,
        "is_active": waiver.is_active(on),
        "is_expired": waiver.is_expired(on),
        "days_left": max((waiver.until - on).days, 0),
    }


def _rule_rows(catalogue: Catalogue) -> list[Record]:
    taken = {name: name for name in RULES.names} | {"rule_id": "id", "table_name": "table"}
    taken |= {"takes_row_out": "keeps_out"}
    rows = [
        {column: getattr(rule, attribute) for column, attribute in taken.items()}
        for rule in catalogue.rules
    ]
    return [*rows, WHOLE_FILE_RULE]


# What stands in quarantine for rows that are held back with their file, and break nothing.
WHOLE_FILE_RULE = {
    "rule_id": WHOLE_FILE,
    "table_name": "any",
    "title": "Held back because the whole file was rejected",
    "category": "conformance/relational",
    "severity": "fatal",
    "threshold": 0.0,
    "denominator": "rows of rejected files",
    "owner": "clinic data team",
    "why": "Too much of the file broke a fatal rule, so no row of it is trusted.",
    "downstream": "These rows count nowhere until a corrected file is accepted.",
    "remedy": "Correct what the reason names and deliver the file again.",
    "takes_row_out": True,
}
