"""A new format is one file: a made-up web survey is recognized, read, its YAML checked.

`made_up/pigeonhole.py` is laid into the folder of the web surveys, in a process of its own since
formats are found once. Nothing else knows of it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
EXPORT = """Hole,Posted,Client code,Mood [1],Mood [2],Mood [3]
1,2026-11-22 15:04:05,007,1,2,3
2,draft,008,0,0,0
3,2026-11-23 09:00:00,009,3,2,1
"""
RIGHT = """clinic: harbor
format: pigeonhole
pigeonhole: {drafts: drop, timezone: Europe/Oslo}
feeds:
  - table: responses
    set: {instrument: phq9, rater: client}
    columns: {client_id: Client code, completed_at: Posted}
    items: "Mood [{n}]"
"""
WRONG = """clinic: harbor
format: pigeonhole
pigeonhole: {draft: keep}
"""
MISFIT = (
    RIGHT
    + """    sheet: May
    values: {items: {Never: 0, NEVER: 1}}
"""
)


@pytest.fixture(scope="module")
def seen(tmp_path_factory) -> dict:
    """What a process says that has one more file among the formats."""
    folder = tmp_path_factory.mktemp("pigeonhole")
    (folder / "export.csv").write_text(EXPORT, encoding="utf-8")
    for name, yaml in (("right", RIGHT), ("wrong", WRONG), ("misfit", MISFIT)):
        (folder / name).mkdir()
        (folder / name / "harbor.yml").write_text(yaml, encoding="utf-8")
    code = f"from {__name__} import use; use()"
    command = [sys.executable, "-c", code, str(folder)]
    done = subprocess.run(command, cwd=HERE.parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def use() -> None:
    """Inspect, read and check an export of the new format; print what came out as JSON."""
    from transforms.formats import surveys

    surveys.__path__.append(str(HERE / "made_up"))

    import duckdb
    from typer.testing import CliRunner

    from pipeline.cli import app
    from transforms.clinics.yaml_file import clinic_schema, load_clinic
    from transforms.errors import ConfigError
    from transforms.intake.column_mapping import mappings_by_table
    from transforms.intake.read_file import read_export

    folder = Path(sys.argv[1])
    export, scratch = folder / "export.csv", folder / "scratch"
    scratch.mkdir()
    home = ["--home", str(folder / "home")]
    inspected = CliRunner().invoke(app, ["inspect", str(export), "--clinic", "harbor", *home])
    (folder / "drafted").mkdir()
    (folder / "drafted" / "harbor.yml").write_text(_filled_in(inspected.stdout), encoding="utf-8")
    drafted = load_clinic(folder / "drafted", "harbor")
    clinic = load_clinic(folder / "right", "harbor")
    with duckdb.connect() as con:
        sources = read_export(export, clinic, con=con, scratch=scratch)
        ((mapping,),) = mappings_by_table(clinic, export.name, sources).values()
        items = ", ".join(f'"{column}"' for column in mapping.items.values())
        query = f'select _line, "Posted", {items} from {mapping.source.relation} order by _line'
        rows = con.execute(query).fetchall()
    said = {"rows": rows, "notes": [note.text for note in sources[0].notes]}
    said |= {"format": drafted.format, "items": drafted.feeds[0].items, "why": inspected.stderr}
    for name in ("wrong", "misfit"):
        try:
            load_clinic(folder / name, "harbor")
        except ConfigError as error:
            said[name] = str(error)
    print(json.dumps(said | {"schema": json.loads(clinic_schema())}))


def _filled_in(draft: str) -> str:
    """Take the comment marks off the feeds of a draft and name the instrument, as a person does."""
    live = re.sub(r"(?m)^#( *(?:- table|set|columns|items):)", r"\1", draft)
    return live.replace("# feeds:", "feeds:").replace("CHANGE_ME", "phq9")


def test_inspect_recognizes_it_and_drafts_a_yaml_that_is_valid(seen):
    assert (seen["format"], seen["items"]) == ("pigeonhole", "Mood [{n}]")
    assert "Hole and Posted come first" in " ".join(seen["why"].split())


def test_an_export_is_read_with_the_options_of_its_block(seen):
    """The draft is left out, lines are those of the file, times keep the clock of Oslo."""
    assert seen["rows"] == [
        [2, "2026-11-22 15:04:05+01:00", "1", "2", "3"],
        [4, "2026-11-23 09:00:00+01:00", "3", "2", "1"],
    ]
    assert "1 draft left out" in seen["notes"]


def test_its_block_stands_in_the_json_schema(seen):
    schema = seen["schema"]
    block = schema["$defs"][schema["properties"]["pigeonhole"]["$ref"].rpartition("/")[2]]

    assert schema["properties"]["format"]["enum"][-1] == "pigeonhole"
    assert {"drafts", "timezone"} <= set(block["properties"])


def test_what_is_wrong_in_the_yaml_is_said_with_its_line(seen):
    assert "harbor.yml:3" in seen["wrong"]
    assert "Did you mean drafts" in seen["wrong"]
    assert "harbor.yml:9: feeds.1.sheet: Pigeonhole has no sheets" in seen["misfit"]
    assert "capitals and blanks only" in seen["misfit"]


def test_nothing_else_knows_of_it():
    from transforms.formats.recognition.registry import formats

    assert "pigeonhole" not in {one.name for one in formats()}
