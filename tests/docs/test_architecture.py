"""docs/architecture.md names every folder of the house; what it names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
ROOMS = ("dags", "plugins", "pipeline", "expectations", "transforms", "reports", "models", "macros")
ROOMS += ("config", "demo", "docs_build", "benchmarks")
NAMED = set(re.findall(r"^\| `([\w/]+)/` \|", PAGE, flags=re.M))


def test_every_folder_of_the_rooms_is_named_and_no_other():
    """Only what git would keep counts: caches and empty folders do not."""
    folders = {
        str(path.parent.relative_to(ROOT))
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.is_file()
        and path.suffix in {".py", ".sql", ".yml", ".csv", ".html", ".j2", ".json"}
        and "__pycache__" not in path.parts
    }

    assert folders - NAMED == set()
    assert NAMED - folders - {"tests", "models", "models/marts"} == set()


@pytest.mark.parametrize("place", sorted(set(re.findall(r"`([\w/.]+\.(?:py|yml|md))`", PAGE))))
def test_every_file_it_sends_a_reader_to_exists(place):
    if "/" in place:
        assert (ROOT / place).is_file()
    else:
        assert any(ROOT.glob(f"*/{place}")) or any(ROOT.glob(f"*/*/{place}"))


def test_every_test_that_the_proofs_name_exists():
    """docs/proofs.md names them below tests/, or from the root."""
    page = (ROOT / "docs" / "proofs.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:\w+/)+\w+\.(?:py|sql))(?:::\w+)?`", page))

    assert len(named) > 20
    assert [
        one for one in sorted(named) if not any((ROOT / at / one).exists() for at in ("", "tests"))
    ] == []
