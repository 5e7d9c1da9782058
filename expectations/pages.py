"""One page per rule for docs/checks/, generated from the catalogue: run `python -m` this module.

A page says what a QA lead asks: what is looked at, what counts as broken, how much is allowed,
what goes wrong downstream, what to do, and the query.
"""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

from expectations.answers import Suspects
from expectations.catalogue import RULES, SCHEMA, Catalogue, Rule, json_schema, load_rules
from expectations.checks import Measured
from expectations.delivery import Staged
from expectations.finding import Sources
from expectations.findings import findings
from expectations.measuring import query_of
from expectations.predicates import row_part
from expectations.waivers import SCHEMA as WAIVERS_SCHEMA
from expectations.waivers import waivers_schema
from transforms.contract import TABLES, lake_columns

CHECKS = Path(__file__).resolve().parents[1] / "docs" / "checks"
# One item stands for all, instrument number 1 for those with something to look at.
_ITEM = {"item_1": (1,)}
_EXAMPLE = Suspects(outside=_ITEM, between=_ITEM, surplus=_ITEM, short={"file": (1,)})
_SEVERITY = {
    "fatal": "Broken rows are quarantined. Above the threshold the whole file is rejected.",
    "quarantine": "Broken rows are quarantined. Above the threshold the rule shows as failed.",
    "warn": "Rows are kept. Above the threshold the rule shows as failed.",
    "inform": "Rows are counted, nothing is held back.",
}
_ELSEWHERE = {
    "readable_file": "Decided by the reader of the file's format (transforms/readers).",
    "form_change": "Decided by comparing the file's profile with the last accepted ones of its "
    "source (transforms/form_change.py); findings are in quality.dq_form_changes.",
    "file_period": "Counted when the clinic's manifest is read (pipeline/manifests.py).",
    "control_total": "Counted when the clinic's manifest is read (pipeline/manifests.py).",
    "canary": "One broken row, planted and judged in every run (expectations/canary.py).",
    "mart": "Great Expectations on the published tables (expectations/mart_suites.py).",
}


# Measured rules without a query of their own.
COUNTED_IN = {
    "P06": "expectations/disclosure_check.py",
    "P07": "pipeline/table_hashes.py",
    "S10": "expectations/item_statistics.py",
    "S11": "expectations/item_statistics.py",
}


def pages(rules: Catalogue) -> dict[str, str]:
    """Return the text of every page by file name, the index first."""
    return {"README.md": _index(rules)} | {f"{rule.id}.md": _page(rule) for rule in rules.rules}


def write_pages(rules: Catalogue, folder: Path = CHECKS) -> None:
    """Write every page and remove pages of rules that are gone."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = pages(rules)
    for path in folder.glob("*.md"):
        if path.name not in wanted:
            path.unlink()
    for file_name, page in wanted.items():
        (folder / file_name).write_text(page, encoding="utf-8")


def schema_text() -> str:
    """Return the text of config/schema/rules.schema.json."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def _index(rules: Catalogue) -> str:
    lines = [
        "# Checks",
        "",
        "Generated from config/rules.yml; do not edit by hand.",
        "",
        "| rule | about | promise | category | severity | allowed |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| [{rule.id}]({rule.id}.md) | {rule.table} | {rule.title} | {rule.category} |"
        f" {rule.severity} | {_percent(rule.threshold)} |"
        for rule in rules.rules
    ]
    return "\n".join(lines) + "\n"


def _page(rule: Rule) -> str:
    return f"""# {rule.id} · {rule.title}

| | |
|---|---|
| about | {rule.table} |
| category | {rule.category} |
| severity | {rule.severity}. {_SEVERITY[rule.severity]} |
| owner | {rule.owner} |

## Why

{rule.why}

## What goes wrong otherwise

{rule.downstream}

## How it is counted

- Numerator: rows in scope that break the rule.{"" if rule.listed else " Counted, not listed."}
- Denominator: {rule.denominator}.
- Threshold: {_percent(rule.threshold)}.

## What to do

{rule.remedy}

## Query

{_query(rule)}
"""


def _percent(share: float) -> str:
    return "not one row" if share == 0 else f"{share:.0%} of the rows in scope"


def _query(rule: Rule) -> str:
    elsewhere = [_ELSEWHERE[kind] for kind in rule.kinds if kind in _ELSEWHERE]
    if elsewhere:
        return elsewhere[0]
    if "measured" in rule.kinds:
        return _measured_query(rule)
    tables = [rule.table] if rule.table in TABLES else list(TABLES)
    blocks = [block for table in tables if (block := _table_query(rule, table))]
    return "\n\n".join(blocks)


def _measured_query(rule: Rule) -> str:
    """Return the query on the finished tables, or where the rule is counted in Python."""
    if rule.id in COUNTED_IN:
        return f"Counted on the finished tables by {COUNTED_IN[rule.id]}."
    check = next(check for check in rule.checks if isinstance(check, Measured))
    return f"On the finished tables:\n\n```sql\n{query_of(rule, check).strip()}\n```"


def _table_query(rule: Rule, table: str) -> str:
    extra = ("item_1", "submitted_total") if table == "responses" else ()
    columns = (*lake_columns(TABLES[table]), *extra)
    staged = Staged(table, (), columns)
    sources = Sources(staged, None, (Path("scores.parquet"),), knows_sessions=True)
    lines: list[str] = []
    for check in rule.checks:
        part = row_part(check, staged, _EXAMPLE)
        if part is None:
            continue
        lines += [f"-- {fault.reason}\n{_tidy(fault.where)}" for fault in part.faults]
        for found in findings(rule, check, sources):
            setup = f"{_tidy(found.setup)};\n" if found.setup else ""
            lines.append(f"-- {found.reason}\n{setup}{_tidy(found.rows)}")
    if not lines:
        return ""
    scope = _tidy(rule.applies_to) if rule.applies_to != "true" else "every row"
    body = "\n\n".join(lines)
    return f"{table}, in scope: `{scope}`. A row breaks the rule where\n\n```sql\n{body}\n```"


def _tidy(sql: str) -> str:
    """Return SQL without blank lines and common indentation."""
    lines = [line.rstrip() for line in sql.splitlines() if line.strip()]
    first, rest = lines[0].strip(), textwrap.dedent("\n".join(lines[1:]))
    if len(lines) > 1 and lines[0].startswith(" "):
        return textwrap.dedent("\n".join(lines))
    return f"{first}\n{rest}".strip()


if __name__ == "__main__":
    write_pages(load_rules(RULES))
    SCHEMA.parent.mkdir(parents=True, exist_ok=True)
    SCHEMA.write_text(schema_text(), encoding="utf-8")
    WAIVERS_SCHEMA.write_text(waivers_schema(), encoding="utf-8")
