"""Write the generated files: JSON Schemas, pages of checks, formats and instruments, dictionary.

Run as ``python -m docs_build.generate`` from the root of the repository after editing the registry,
a rule, a format's options or a mart. A test fails while a committed file differs from what this
would write.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from docs_build import check_pages
from docs_build.dictionary import described_tables, dictionary_pages
from docs_build.format_pages import format_pages
from docs_build.instrument_pages import instrument_pages
from expectations.catalogue import RULES, load_rules
from expectations.waivers import waivers_schema
from pipeline.steps.gate import gate_schema
from pipeline.storage.morning_settings import morning_schema
from pipeline.storage.notify_settings import notify_schema
from pipeline.storage.retention_policy import retention_schema
from transforms.clinics.yaml_file import clinic_schema
from transforms.instruments.registry import load_registry, schema_text

ROOT = Path(__file__).resolve().parents[1]
SCHEMAS = {
    "clinic": clinic_schema,
    "gate": gate_schema,
    "instrument": schema_text,
    "morning": morning_schema,
    "notify": notify_schema,
    "retention": retention_schema,
    "rules": check_pages.schema_text,
    "waivers": waivers_schema,
}


def generated() -> dict[Path, Mapping[str, str]]:
    """Return what belongs into each folder, by file name."""
    config, docs = ROOT / "config", ROOT / "docs"
    return {
        config / "schema": {f"{name}.schema.json": text() for name, text in SCHEMAS.items()},
        docs / "checks": check_pages.pages(load_rules(RULES)),
        docs / "formats": format_pages(docs / "formats"),
        docs / "instruments": instrument_pages(load_registry(config / "instruments")),
        docs / "data-dictionary": dictionary_pages(described_tables()),
    }


def write_generated() -> None:
    """Write every generated file and remove pages of what is gone."""
    for folder, files in generated().items():
        for left in {path.name for path in folder.iterdir()} - {*files}:
            (folder / left).unlink()
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_generated()
