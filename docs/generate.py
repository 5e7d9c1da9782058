"""Write the generated files: the instrument pages and the JSON Schema of a definition.

Run as ``python -m docs.generate`` from the root of the repository after editing the registry.
A test fails while a committed file differs from what this would write.
"""

from __future__ import annotations

from pathlib import Path

from transforms.instrument_pages import instrument_pages
from transforms.registry import SCHEMA_PATH, load_registry, schema_text

ROOT = Path(__file__).resolve().parents[1]


def write_generated(root: Path = ROOT) -> None:
    """Write every generated file below ``root`` and remove pages of instruments that are gone."""
    (root / SCHEMA_PATH).write_text(schema_text(), encoding="utf-8")
    folder = root / "docs" / "instruments"
    folder.mkdir(exist_ok=True)
    pages = instrument_pages(load_registry(root / "config" / "instruments"))
    for page in folder.glob("*.md"):
        if page.name not in pages:
            page.unlink()
    for name, text in pages.items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_generated()
