"""Write the generated files: instrument pages, a definition's JSON Schema, data dictionary.

Run as ``python -m docs_build.generate`` from the root of the repository after editing the registry
or a mart. A test fails while a committed file differs from what this would write.
"""

from __future__ import annotations

from pathlib import Path

from docs_build.dictionary import described_tables, dictionary_pages
from docs_build.instrument_pages import instrument_pages
from transforms.instruments.registry import SCHEMA_PATH, load_registry, schema_text

ROOT = Path(__file__).resolve().parents[1]


def write_generated(root: Path = ROOT) -> None:
    """Write every generated file below ``root`` and remove pages of instruments that are gone."""
    (root / SCHEMA_PATH).write_text(schema_text(), encoding="utf-8")
    GATE_SCHEMA.write_text(gate_schema(), encoding="utf-8")
    registry = load_registry(root / "config" / "instruments")
    _write_pages(root / "docs" / "instruments", instrument_pages(registry))
    _write_pages(root / "docs" / "data-dictionary", dictionary_pages(described_tables()))


def _write_pages(folder: Path, pages: dict[str, str]) -> None:
    folder.mkdir(exist_ok=True)
    for page in folder.glob("*.md"):
        if page.name not in pages:
            page.unlink()
    for name, text in pages.items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_generated()
