"""One page per rule for docs/checks/, generated from the catalogue.

A page says what a QA lead asks: what is looked at, what counts as broken, how much is allowed,
what goes wrong downstream, what to do, and the query.
"""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

from expectations.catalogue import Catalogue, Rule, json_schema
from expectations.checks.decided_elsewhere import Measured
from expectations.checks.finding import Sources
from expectations.published.measures import query_of
from expectations.rows.answers import Short, Suspects
from expectations.rows.delivery import Staged
from transforms.contract import TABLES, lake_columns

# One item stands for all, instrument number 1 for those with something to look at.
_ITEM = {"item_1": (1,)}
_EXAMPLE = Suspects(
    outside=_ITEM,
    between=_ITEM,
    surplus=_ITEM,
    short=tuple(
        Short("file", 1, "a feed has no column for an item of the instrument", is_whole)
        for is_whole in (True, False)
    ),
)
_SEVERITY = {
    "fatal": "Broken rows are quarantined. Above the threshold the whole file is rejected.",
    "quarantine": "Broken rows are quarantined. Above the threshold the rule shows as failed.",
    "warn": "Rows are kept. Above the threshold the rule shows as failed.",
    "inform": "Rows are counted, nothing is held back.",
}
# Rules on the finished tables without a query of their own.
_SUITES = (
    "expectations/published/suites.py and, for tables without a suite, "
    "expectations/published/bounds.py"
)
COUNTED_IN = {
    "P03": ("values out of their range, and estimates outside their interval", _SUITES),
    "P05": ("episodes whose class contradicts its definition", "expectations/published/suites.py"),
    "P08": ("rows without source, or without a reason not to compare", _SUITES),
    "P06": (
        "printed counts below the threshold or between two multiples of the base, and rows that "
        "show a statistic without a number of persons",
        "expectations/published/disclosure.py",
    ),
    "P07": ("tables with another content", "pipeline/audit/table_hashes.py"),
    "P10": (
        "rows without an estimate because of a defect",
        "expectations/published/withheld_cells.py",
    ),
    "P11": (
        "promises of the tables that rows of a clinic break",
        "pipeline/steps/leaving_out.py",
    ),
    "S10": (
        "items whose correlation with the rest of the scale is below 0",
        "expectations/published/item_statistics.py",
    ),
    "S11": (
        "scales whose alpha is too far off, or below .6 where the manual's is not",
        "expectations/published/item_statistics.py",
    ),
}


def pages(rules: Catalogue) -> dict[str, str]:
    """Return the text of every page by file name, the index first."""
    return {"README.md": _index(rules)} | {f"{rule.id}.md": _page(rule) for rule in rules.rules}


def schema_text() -> str:
    """Return the text of config/schema/rules.schema.json."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def _index(rules: Catalogue) -> str:
    lines = [
        "# Checks",
        "",
        "Generated from config/rules.yml; do not edit by hand. dbt's own tests stand in "
        "quality.dq_rule_results beside these, under their names and without a clinic:",
        "`select * from quality.dq_rule_results where rule_id not in "
        "(select rule_id from quality.dq_rules)`.",
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

- Numerator: {_numerator(rule)}.{"" if rule.listed else " Counted, not listed."}
- Denominator: {rule.denominator}.
- Threshold: {_percent(rule.threshold)}.

## What to do

{rule.remedy}
{_remedies(rule)}
## Query

{_query(rule)}

## Counts of every run

```sql
select run_at, clinic_id, source_file, table_name, state, n_failed, n_scope, threshold, message
from quality.dq_rule_results
where rule_id = '{rule.id}'
order by run_at desc, clinic_id, source_file, table_name
```
{_rows_query(rule)}"""


def _rows_query(rule: Rule) -> str:
    """Return the query for the single rows, of rules that list them."""
    if not rule.listed or rule.is_about_file or rule.table not in (*TABLES, "any"):
        return ""
    return f"""
And the rows, as they are now:

```sql
select clinic_id, source_file, source_line, column_name, reason, status, first_seen
from quality.dq_quarantine
where rule_id = '{rule.id}'
order by clinic_id, source_file, source_line, column_name
```
"""


def _remedies(rule: Rule) -> str:
    """Return what to do for each part of the rule, as a list; empty for a rule of one part."""
    lines = (f"- Where the reason begins with {part}: {do}" for part, do in rule.remedies.items())
    return "".join(f"\n{line}" for line in lines) + ("\n" if rule.remedies else "")


def _numerator(rule: Rule) -> str:
    """Say in words what breaks the rule."""
    if rule.id in COUNTED_IN:
        return COUNTED_IN[rule.id][0]
    check = rule.checks[0]
    if check.broken:
        return check.broken
    if isinstance(check, Measured):
        comment = " ".join(
            line.removeprefix("-- ")
            for line in query_of(rule, check).splitlines()
            if line.startswith("--")
        )
        return comment.partition("broken: ")[2].partition(". ")[0].rstrip(".")
    tables: list[str] = [rule.table] if rule.table in TABLES else [*TABLES]
    reasons = dict.fromkeys(
        reason for table in tables for reason, _ in _faults(rule, table) if reason
    )
    return f"rows in scope: {'; '.join(reasons)}"


def _percent(share: float) -> str:
    return "not one row" if share == 0 else f"{100 * share:g}% of the rows in scope"


def _query(rule: Rule) -> str:
    if rule.id in COUNTED_IN:
        return f"Counted on the finished tables by {COUNTED_IN[rule.id][1]}."
    check = rule.checks[0]
    if check.decided:
        return check.decided
    if isinstance(check, Measured):
        query = query_of(rule, check).strip()
        return f"On the finished tables:\n\n```sql\n{query}\n```"
    tables: list[str] = [rule.table] if rule.table in TABLES else [*TABLES]
    blocks = [block for table in tables if (block := _table_query(rule, table))]
    return "\n\n".join(blocks)


def _table_query(rule: Rule, table: str) -> str:
    faults = _faults(rule, table)
    if not faults:
        return ""
    scope = _tidy(rule.applies_to) if rule.applies_to != "true" else "every row"
    body = "\n\n".join(f"-- {reason}\n{sql}" for reason, sql in faults)
    return f"{table}, in scope: `{scope}`. A row breaks the rule where\n\n```sql\n{body}\n```"


def _faults(rule: Rule, table: str) -> list[tuple[str, str]]:
    """Return the ways a row of the table breaks the rule: in words, and as SQL."""
    extra = ("item_1", "submitted_total") if table == "responses" else ()
    columns = (*lake_columns(TABLES[table]), *extra)
    staged = Staged(table, (), columns)
    scores = (Path("scores.parquet"),)
    sources = Sources(staged, None, scores, knows_sessions=True, in_scope=rule.applies_to)
    faults: list[tuple[str, str]] = []
    for check in rule.checks:
        part = check.part(staged, _EXAMPLE)
        if part is None:
            continue
        faults += [(fault.reason, _tidy(fault.where)) for fault in part.faults]
        for found in check.findings(sources):
            setup = f"{_tidy(found.setup)};\n" if found.setup else ""
            faults.append((found.reason, f"{setup}{_tidy(found.rows)}"))
    return faults


def _tidy(sql: str) -> str:
    """Return SQL without blank lines and common indentation."""
    lines = [line.rstrip() for line in sql.splitlines() if line.strip()]
    first, rest = lines[0].strip(), textwrap.dedent("\n".join(lines[1:]))
    if len(lines) > 1 and lines[0].startswith(" "):
        return textwrap.dedent("\n".join(lines))
    return f"{first}\n{rest}".strip()
