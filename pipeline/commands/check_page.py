"""What `rapport check` prints: status, rows, rules that fell short, and where to read more."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from pipeline.commands.check import Checked

SAYS = {
    "accepted": "would be loaded",
    "rejected": "would be rejected as a whole",
    "refused": "cannot be read",
    "companion": "explains other files and is read with them; check one of those",
}
SYMBOLS = {"fail": "✗", "error": "!"}


def print_checked(checked: Checked, file_name: str, console: Console) -> None:
    """Print what the night would say of a file. No cell of it is shown."""
    held_back = sum(quarantined for *_, quarantined in checked.balance)
    but = f", but {held_back:,} row(s) held back" if held_back and checked.is_accepted else ""
    console.print(f"{file_name}: {SAYS[checked.status]}{but}")
    if checked.reason:
        console.print(checked.reason)
    for note in checked.notes:
        console.print(f"  {note}")
    if checked.balance:
        table = _table("Rows", ("table", "received", "new", "duplicate", "quarantined"))
        for name, *counts in checked.balance:
            table.add_row(name, *(f"{count:,}" for count in counts))
        console.print(table)
    if checked.findings:
        _print_findings(checked, console)
    elif checked.is_accepted:
        console.print("Rules: all that applied were met")
    for path in (checked.report, *checked.issues):
        if path:
            console.print(f"Written: {path}", soft_wrap=True)
    console.print("Nothing was loaded.")


def _print_findings(checked: Checked, console: Console) -> None:
    table = _table("Rules that fell short", ("rule", "severity", "failed", "of", "what"))
    for one in checked.findings:
        rule = f"{SYMBOLS[one.state]} {one.rule_id}"
        counts = (f"{one.n_failed:,}", f"{one.n_scope:,}")
        said = one.message.partition("break it ")[2] or one.message
        table.add_row(rule, one.severity, *counts, f"{one.title} {said}".strip())
    console.print(table)
    if checked.rows:
        _print_rows(checked, console)
    console.print("docs/checks/<rule>.md says why each matters and what to do.")


def _print_rows(checked: Checked, console: Console) -> None:
    shown = len(checked.rows)
    title = f"Rows, the first {shown} of {checked.n_rows:,}" if checked.n_rows > shown else "Rows"
    table = _table(title, ("line", "column", "rule", "reason"))
    for row in checked.rows:
        line = "" if row.line is None else f"{row.line}"
        line = f"{row.sheet} {line}" if row.sheet else line
        table.add_row(line, row.column or "whole row", row.rule_id, row.reason)
    console.print(table)


def _table(title: str, columns: tuple[str, ...]) -> Table:
    table = Table(title=f"\n{title}", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for column in columns:
        is_text = column in ("table", "rule", "severity", "what", "column", "reason")
        table.add_column(column, justify="left" if is_text else "right", overflow="fold")
    return table
