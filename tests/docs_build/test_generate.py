"""What is generated lies in the repository as it would be written again."""

from __future__ import annotations

import pytest

from docs_build import generate
from docs_build.format_pages import format_pages

GENERATED = generate.generated()


@pytest.mark.parametrize("folder", GENERATED, ids=lambda folder: folder.name)
def test_generating_again_gives_the_committed_files(folder):
    """After editing: python -m docs_build.generate."""
    committed = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}

    assert committed == GENERATED[folder]


def test_a_page_of_what_is_gone_is_removed(tmp_path, monkeypatch):
    (tmp_path / "S99.md").write_text("old", encoding="utf-8")
    monkeypatch.setattr(generate, "generated", lambda: {tmp_path: {"S04.md": "new"}})

    generate.write_generated()

    assert [path.name for path in tmp_path.iterdir()] == ["S04.md"]


def test_a_page_that_asks_for_options_nobody_has_is_refused(tmp_path):
    (tmp_path / "a.md").write_text("<!-- options of paper -->\n<!-- end -->\n", encoding="utf-8")

    with pytest.raises(KeyError, match="options of paper"):
        format_pages(tmp_path)
