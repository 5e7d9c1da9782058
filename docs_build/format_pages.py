"""Fills in what the pages of docs/formats repeat of the code: options, columns, refusals.

How an export is made in its program, what a column is called then and what happens to odd cells is
prose, written by hand: no class knows it. tests/docs/test_format_pages.py holds it to the code:
each example is a valid YAML and reads an export, each format has a page, each option a mention.

A filled part stands between ``<!-- options of qualtrics -->`` and ``<!-- end -->``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from pydantic.fields import FieldInfo

from transforms.contract import TABLES, Column
from transforms.formats.recognition.registry import blocks
from transforms.formats.source import REFUSALS

_PART = re.compile(r"(<!-- (\w[\w ]*) -->\n).*?(<!-- end -->)", re.DOTALL)


def format_pages(folder: Path) -> dict[str, str]:
    """Return the pages of a folder by file name, their parts filled in.

    Raises
    ------
    KeyError
        A page asks for a part that does not exist.
    """
    parts = _parts()
    return {
        page.name: _PART.sub(
            lambda part: part[1] + parts[part[2]] + part[3], page.read_text(encoding="utf-8")
        )
        for page in sorted(folder.glob("*.md"))
    }


def _parts() -> dict[str, str]:
    found = {
        f"options of {block.key}": _table(
            (f"option under `{block.key}:`", "left out", "meaning"),
            (
                (f"`{key}`", _default(field), field.description or "")
                for key, field in block.model.model_fields.items()
            ),
        )
        for block in blocks()
    }
    found["canonical tables"] = _table(
        ("table", "columns"),
        ((f"`{one.name}`", ", ".join(map(_column, one.columns))) for one in TABLES.values()),
    )
    found["refusals"] = _table(("code", "meaning"), REFUSALS.items())
    return found


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(map(_escaped, line))} |\n" for line in lines)


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|").replace("<", "\\<")


def _default(field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(default, list) and default:
        return f"`[{', '.join(default)}]`"
    return f"`{default}`" if default else "–"


def _column(column: Column) -> str:
    values = f" ({', '.join(column.values)})" if column.values else ""
    star = "\\*" if column.required else ""
    return f"{column.name}{star}{values}"
