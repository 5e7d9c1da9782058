"""The data dictionary, from the YAML beside the models: what every published column holds.

``python -m docs_build.generate`` writes docs/data-dictionary/: one page per schema. What a
description leaves open (unit, range, which way is better) is read from the column's name, by the
project's naming rules; a test fails for a number that has neither.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]
PUBLISHED = (ROOT / "models" / "marts", ROOT / "models" / "analysis")
SCHEMAS = ("analysis", "common_factors", "core", "process", "quality")
ORDER = {schema: place for place, schema in enumerate(SCHEMAS)}
_DOC = re.compile(r"{% docs (\w+) %}(.*?){% enddocs %}", re.DOTALL)
_USE = re.compile(r"{{\s*doc\(['\"](\w+)['\"]\)\s*}}")

# Name of a column -> unit or range, first match counts.
UNITS = (
    (r"_percent(_ci_(low|high))?(_vs_\w+)?$|_percent_", "percent, 0 to 100"),
    (r"_pomp$", "percent of the maximum possible, 0 to 100, higher is better"),
    (r"_points$|_item$|_limit$", "points of the form"),
    (r"^t_critical$", "quantile of Student's t"),
    (r"^n_|_count$", "count, 0 or more"),
    (r"^ci_level$|^rc_ci$", "coverage, 0 to 1"),
    (r"^tau$", "as the estimate on the compared scale, 0 or more"),
    (r"^prediction_(low|high)$", "as the estimate"),
    (r"_share$|share_failed|^threshold$|^original_threshold$", "share, 0 to 1"),
    (r"(^|_)r(_ci_(low|high))?$|correlation$", "correlation, -1 to 1"),
    (r"(^|_)p$|p_value$", "p value, 0 to 1"),
    (r"^icc|_icc$|reliability$", "share, 0 to 1"),
    (r"_days$|^days_", "days"),
    (r"_weeks$", "weeks"),
    (r"_min$", "minutes"),
    (r"years|^age_", "years"),
    (r"intensity$|resolution$", "1 to 5"),
    (r"session(_number)?$|_session$", "session number, from 1"),
    (r"_rank$|^rank_", "rank, 1 is best"),
    (r"^(cluster_|wide_|pairwise_)?ci_(low|high)$|_ci_(low|high)$", "as the estimate"),
    (r"^benchmark_value$", "as the estimate"),
    (r"^nhs_(phq9|gad7)_(pre|post)$", "points, lower is better"),
)


@dataclass(frozen=True)
class DescribedColumn:
    """One column of a published table."""

    name: str
    data_type: str
    description: str
    values: tuple[str, ...]
    is_required: bool

    @property
    def unit(self) -> str:
        """Unit and range by the naming rules; empty where the description has to say it."""
        return next((unit for pattern, unit in UNITS if re.search(pattern, self.name)), "")

    @property
    def is_number(self) -> bool:
        """Whether the column holds a measured number."""
        return self.data_type in ("double", "float", "decimal")


@dataclass(frozen=True)
class DescribedTable:
    """One published table."""

    schema: str
    name: str
    description: str
    columns: tuple[DescribedColumn, ...]


def described_tables(published: Iterable[Path] = PUBLISHED) -> list[DescribedTable]:
    """Read the description of every table and view; references to shared texts are resolved."""
    texts = {
        name: text.strip()
        for path in sorted((ROOT / "models").rglob("*.md"))
        for name, text in _DOC.findall(path.read_text(encoding="utf-8"))
    }
    yaml = YAML(typ="safe")
    tables = []
    for path in sorted(path for folder in published for path in folder.rglob("*.yml")):
        content = yaml.load(path.read_text(encoding="utf-8")) or {}
        schema = path.parent.name
        for model in content.get("models") or ():
            if (path.parent / f"{model['name']}.sql").exists() or _is_python(path, model["name"]):
                tables.append(_table(schema, model, texts))
    return sorted(tables, key=lambda table: (ORDER[table.schema], table.name))


def dictionary_pages(tables: Iterable[DescribedTable]) -> dict[str, str]:
    """Return file name -> text of the dictionary's pages."""
    tables = list(tables)
    pages = {
        f"{schema}.md": _page(schema, [table for table in tables if table.schema == schema])
        for schema in SCHEMAS
    }
    return {"README.md": _index(tables)} | pages


def _is_python(path: Path, name: str) -> bool:
    return (path.parent / f"{name}.py").exists()


def _table(schema: str, model: Mapping[str, Any], texts: Mapping[str, str]) -> DescribedTable:
    columns = tuple(_column(column, texts) for column in model.get("columns") or ())
    description = _one_line(model.get("description") or "", texts)
    return DescribedTable(schema, model["name"], description, columns)


def _column(column: Mapping[str, Any], texts: Mapping[str, str]) -> DescribedColumn:
    constraints = [c.get("type") for c in column.get("constraints") or ()]
    return DescribedColumn(
        column["name"],
        str(column.get("data_type", "")),
        _one_line(column.get("description") or "", texts),
        _accepted(column),
        "not_null" in constraints,
    )


def _accepted(column: Mapping[str, Any]) -> tuple[str, ...]:
    meta = (column.get("config") or {}).get("meta") or {}
    return tuple(str(value) for value in meta.get("values") or ())


def _one_line(text: str, texts: Mapping[str, str]) -> str:
    return " ".join(_USE.sub(lambda use: texts[use.group(1)], text).split())


def _page(schema: str, tables: list[DescribedTable]) -> str:
    lines = [f"# Data dictionary: {schema}\n", _GENERATED, ""]
    for table in tables:
        lines += [f"\n## {schema}.{table.name}\n", table.description + "\n"]
        lines += ["| column | type | unit and range | meaning |", "|---|---|---|---|"]
        lines += [_row(column) for column in table.columns]
    return "\n".join(lines) + "\n"


def _row(column: DescribedColumn) -> str:
    unit = ", ".join(f"`{value}`" for value in column.values) or column.unit
    required = "" if column.is_required else " or NULL"
    cells = (f"`{column.name}`", column.data_type + required, unit, column.description)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _index(tables: list[DescribedTable]) -> str:
    lines = ["# Data dictionary\n", _GENERATED, "", _HOW, ""]
    for schema in SCHEMAS:
        lines += [f"\n## [{schema}]({schema}.md)\n", "| table | what one row is |", "|---|---|"]
        lines += [
            f"| [{t.name}]({schema}.md#{schema}{t.name}) | {_first_sentence(t.description)} |"
            for t in tables
            if t.schema == schema
        ]
    return "\n".join(lines) + "\n"


def _first_sentence(text: str) -> str:
    sentences = re.split(r"(?<=[.?]) ", text)
    grain = [said for said in sentences[1:] if said.startswith("Grain: ")]
    return " ".join(sentences[:1] + grain).replace("|", "\\|")


_GENERATED = (
    "Generated from the YAML of the models by `python -m docs_build.generate`; a test fails while "
    "they differ. Formula, citation, direction and what is left out stand in the description of a "
    "table or column."
)
_HOW = (
    "A number without an entry under “unit and range” has its unit in its meaning. `or NULL`: the "
    "column may be empty, and its meaning says when; nothing answered is NULL, never 0. Estimates "
    "are turned so that positive is better. The same text, with lineage, is in "
    "`reports/dbt-docs.html` (`python -m docs_build.dbt_site`)."
)
