"""Every instrument has a page, and the page says what the registry says."""

from __future__ import annotations

import re
from pathlib import Path

from docs_build.instrument_pages import instrument_pages
from transforms.instruments.registry import load_registry

ROOT = Path(__file__).resolve().parents[2]
REGISTRY = load_registry(ROOT / "config" / "instruments")
FOLDER = ROOT / "docs" / "instruments"


def test_every_instrument_has_a_page():
    assert {*instrument_pages(REGISTRY)} == {"README.md", *(f"{name}.md" for name in REGISTRY.ids)}


def test_a_page_states_thresholds_with_operator_and_evidence():
    page = instrument_pages(REGISTRY)["gad7.md"]

    assert "| total | score >= 8 | NHS Talking Therapies caseness |" in page
    assert "| total | >= 4 | jacobson truax | 95% | yes |" in page
    assert "0–4 minimal, 5–9 mild, 10–14 moderate, 15–21 severe" in page
    assert "(verified)" in page


def test_every_link_of_the_index_resolves():
    links = re.findall(r"\]\(([^)]+)\)", instrument_pages(REGISTRY)["README.md"])

    assert len(links) == len(REGISTRY.instruments)
    assert all((FOLDER / link).is_file() for link in links)
