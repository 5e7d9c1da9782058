"""What analysts read fits the published file: dictionary, notebooks, dbt's documentation."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import nbformat
import pytest
from nbclient import NotebookClient

from docs_build.dictionary import described_tables
from pipeline.home import REPOSITORY

NOTEBOOKS = sorted((REPOSITORY / "docs" / "notebooks").glob("*.ipynb"))


def test_every_published_column_is_in_the_dictionary_and_no_other(demo_home):
    with duckdb.connect(str(demo_home.published.resolve()), read_only=True) as con:
        published = set(
            con.execute(
                "select table_schema, table_name, column_name from information_schema.columns "
                "where table_schema in "
                "('analysis', 'common_factors', 'core', 'process', 'quality')"
            ).fetchall()
        )
    described = {(t.schema, t.name, c.name) for t in described_tables() for c in t.columns}

    assert published == described


@pytest.mark.parametrize("file", ["analytics", "public", "quality", "clinics/harbor"])
def test_every_table_and_column_of_every_file_carries_its_description(file, demo_home):
    """The contract's text is the comment; in quality.duckdb the schema quality is main."""
    texts = {(t.schema, t.name): (t.description, t.columns) for t in described_tables()}
    path = demo_home.published.resolve().parent / f"{file}.duckdb"
    with duckdb.connect(str(path), read_only=True) as con:
        tables = con.execute(
            "select schema_name, table_name, comment from duckdb_tables() union all "
            "select schema_name, view_name, comment from duckdb_views() where not internal"
        ).fetchall()
        columns = con.execute(
            "select schema_name, table_name, column_name, comment from duckdb_columns() "
            "where not internal"
        ).fetchall()

    def described(schema, table):
        return texts["quality" if schema == "main" else schema, table]

    assert len(tables) >= 10
    wrong = [table for schema, table, text in tables if text != described(schema, table)[0]]
    wrong += [
        f"{table}.{column}"
        for schema, table, column, text in columns
        if text != {c.name: c.description for c in described(schema, table)[1]}[column]
    ]
    assert wrong == []


def test_every_query_of_the_page_on_the_views_has_rows(demo_home):
    """Each view once, as an analyst would paste it; that of who is not on track may be empty."""
    page = (REPOSITORY / "docs" / "analysis.md").read_text(encoding="utf-8")
    queries = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    with duckdb.connect(str(demo_home.published.resolve()), read_only=True) as con:
        rows = {
            re.search(r"from (\S+)", query)[1]: con.execute(query).fetchall() for query in queries
        }
        views = con.execute(
            "select 'analysis.' || view_name from duckdb_views() where schema_name = 'analysis'"
        ).fetchall()

    assert {view for (view,) in views} == rows.keys() - {"duckdb_columns()"}
    assert {view for view, found in rows.items() if not found} <= {"analysis.not_on_track_now"}


def test_there_are_three_notebooks():
    assert [path.stem for path in NOTEBOOKS] == [
        "alliance-and-outcome",
        "ruptures-repair-dropout",
        "therapists-honestly-read",
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_its_own_folder_and_checks_itself(
    path, demo_home, monkeypatch, tmp_path
):
    """Each ends in assertions of its own; a cell that fails fails the test."""
    monkeypatch.delenv("RAPPORT_DATABASE", raising=False)
    folder = tmp_path / "docs" / "notebooks"
    folder.mkdir(parents=True)
    (tmp_path / "data").symlink_to(demo_home.root)
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)

    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources=resources).execute()

    printed = "".join(
        output.get("text", "") + str(output.get("data", {}).get("text/plain", ""))
        for cell in notebook.cells
        for output in cell.get("outputs", [])
    )
    assert "clients" in printed


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_keeps_its_outputs_of_the_demo(path: Path):
    """Run once from top to bottom, nothing failed, nothing of the machine it ran on."""
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]

    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert any("clients" in str(output) for output in outputs)
    assert {output.output_type for output in outputs} <= {
        "stream",
        "execute_result",
        "display_data",
    }
    assert not re.search(r"/home/|/work/|/tmp/|[0-9a-f]{8}-[0-9a-f]{4}-", str(outputs))


@pytest.mark.slow
def test_dbts_documentation_is_one_file_without_places_of_this_machine(demo_home):
    from docs_build.dbt_site import write_site

    text = write_site(demo_home).read_text(encoding="utf-8")

    assert "cf_alliance_outcome" in text
    assert "What stands in `published/analytics.duckdb`, column by column" in text
    assert str(demo_home.root) not in text
    assert str(REPOSITORY) not in text
