"""What the pages say is tried: every YAML block is accepted, every command takes its options.

A block that begins with `clinic:` is a clinic's whole YAML; one with the keys of config/notify.yml
is that file; any other is a part of a clinic's, and is read with the keys its page's format needs.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
import typer
import yaml

from pipeline.cli import app
from pipeline.storage.notify_settings import Notify
from tests.docs.test_docs import PAGES, ROOT
from transforms.clinics.yaml_file import load_clinic, read_clinic_yaml
from transforms.errors import ConfigError, FileRefused
from transforms.formats.recognition.registry import formats
from transforms.instruments.registry import load_registry
from transforms.intake.column_mapping import mappings_by_table
from transforms.intake.read_file import read_export

FENCED = re.compile(r"^ *```(?P<language>\w*)\n(?P<content>.*?)^ *```", re.DOTALL | re.MULTILINE)
FORMAT_OF = {one.page: one.name for one in formats()}
# A feed that every format accepts; a part of a YAML may bring its own.
FEEDS = [{"table": "responses", "set": {"instrument": "srs", "rater": "client"},
          "columns": {"client_id": "c", "completed_at": "d"}, "items": "srs_{n}"}]  # fmt: skip
COMMANDS = typer.main.get_command(app)


def fenced(*languages: str) -> list[tuple[str, int, str]]:
    """Return (page, number of the block on it, content) of the blocks in some languages."""
    found = []
    for page in PAGES:
        blocks = [one for one in FENCED.finditer(page.read_text(encoding="utf-8"))]
        found += [
            (str(page.relative_to(ROOT)), number, block["content"])
            for number, block in enumerate(blocks, 1)
            if block["language"] in languages
        ]
    return found


@pytest.mark.parametrize(("page", "number", "block"), fenced("yaml", "yml"))
def test_a_yaml_block_is_accepted(tmp_path, page, number, block):
    content = yaml.safe_load(block) or {}
    if content and content.keys() <= Notify.model_fields.keys():
        assert Notify.model_validate(content).model_fields_set == content.keys()
        return
    whole = {"clinic": "harbor", "format": FORMAT_OF.get(Path(page).name, "canonical")}
    if "clinic" not in content:
        needs = whole["format"] != "canonical" and "feeds" not in content
        content = whole | ({"feeds": FEEDS} if needs else {}) | content
    path = tmp_path / f"{content['clinic']}.yml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")

    assert read_clinic_yaml(path).clinic == content["clinic"]


def commands() -> list[tuple[str, str]]:
    """Return (page, call) of every `rapport …` in shell blocks and in code of the text."""
    found = []
    for page, _, block in fenced("sh", "bash", "shell", ""):
        joined = block.replace("\\\n", " ")
        found += [(page, line.strip()) for line in joined.splitlines()]
    for page in PAGES:
        text = FENCED.sub("", page.read_text(encoding="utf-8"))
        found += [(str(page.relative_to(ROOT)), one) for one in re.findall(r"`([^`\n]+)`", text)]
    called = re.compile(r"(?:\S*/)?rapport ([a-z].*)")
    calls = [(page, match[1]) for page, one in found if (match := called.match(one))]
    return list(dict.fromkeys((page, re.split(r"\s[#>]|[…·]", call)[0]) for page, call in calls))


@pytest.mark.parametrize(("page", "call"), commands())
def test_a_command_exists_with_its_options(page, call):
    """Words in capitals, in brackets or in quotes are values."""
    words = [one.strip("[]") for one in shlex.split(call.replace("'", " "))]
    command, context = COMMANDS, click.Context(COMMANDS)
    while hasattr(command, "get_command") and words and not words[0].startswith("-"):
        name = words.pop(0)
        command = command.get_command(context, name)
        assert command is not None, f"{name} of {call}"
    known = {option for one in command.params for option in (*one.opts, *one.secondary_opts)}
    given = {word.partition("=")[0] for word in words if word.startswith("--")}

    assert given - {"--help", "--version"} <= known


# ----------------------------------------------------------------- docs/clinic-yaml.md

FORM = """\
clinic: fjord
format: delimited
feeds:
  - table: responses
    set: {instrument: phq9, rater: client}
    columns: {client_id: who, completed_at: day, session_id: session}
    items: "phq9_{n}"
"""
NAMES = ["who", "day", *(f"phq9_{n}" for n in range(1, 10))]


@pytest.fixture
def read(tmp_path, con):
    """Read one file as a clinic's YAML says; return its sources and mappings of responses."""

    def run(text: str, names: list[str], *rows: list[str], name: str = "a.csv"):
        (tmp_path / "fjord.yml").write_text(text, encoding="utf-8")
        clinic = load_clinic(tmp_path, "fjord")
        lines = [names, *(rows or ([["k1", "2026-05-01", *["1"] * 9]]))]
        (tmp_path / name).write_text("\n".join(map(",".join, lines)) + "\n", encoding="utf-8")
        registry = load_registry(ROOT / "config" / "instruments")
        sources = read_export(tmp_path / name, clinic, con=con, scratch=tmp_path, registry=registry)
        return sources, mappings_by_table(clinic, name, sources)["responses"]

    return run


def refused(text: str, folder: Path) -> str:
    (folder / "fjord.yml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        load_clinic(folder, "fjord")
    return str(error.value)


@pytest.mark.parametrize("absent", ["who", "day"])
def test_claim_a_required_column_that_is_not_there_refuses_the_file(read, absent):
    with pytest.raises(FileRefused, match=absent) as error:
        read(FORM, [one if one != absent else "other" for one in NAMES])

    assert error.value.code == "F02"


def test_claim_other_mapped_columns_may_be_missing_and_the_notes_name_them(read):
    _, (mapping,) = read(FORM, NAMES)

    assert "session" in " ".join(note.text for note in mapping.notes)


def test_claim_items_named_one_by_one_must_be_there(read):
    listed = FORM.replace('"phq9_{n}"', f"[{', '.join(NAMES[2:])}]")
    with pytest.raises(FileRefused, match="phq9_9") as error:
        read(listed, NAMES[:-1], ["k1", "2026-05-01", *["1"] * 8])

    assert error.value.code == "F02"


def test_claim_where_a_pattern_finds_the_items_one_may_be_missing_without_a_refusal(read):
    _, (mapping,) = read(FORM, NAMES[:-1], ["k1", "2026-05-01", *["1"] * 8])

    assert len(mapping.items) == 8


def test_claim_a_missing_code_that_is_an_answer_refuses_the_file(read):
    with pytest.raises(FileRefused) as error:
        read(FORM + "missing_codes: [3]\n", NAMES)

    assert error.value.code == "F08"


def test_claim_scalars_are_read_as_they_are_written(tmp_path):
    (tmp_path / "fjord.yml").write_text(FORM + "missing_codes: [01, -9, no]\n", encoding="utf-8")

    assert list(load_clinic(tmp_path, "fjord").missing_codes) == ["01", "-9", "no"]


def test_claim_all_errors_are_told_at_once_with_line_and_key(tmp_path):
    wrong = FORM.replace("table: responses\n", "table: responses\n    fom: x\n")
    wrong += "  - table: sessions\n    columns: {client_id: a, session_id: b, therapist_id: c,"
    told = refused(wrong + " session_at: d}\n", tmp_path)

    assert "fjord.yml:5: feeds.1.fom: the key is not known. Did you mean form." in told
    assert "feeds.2: sessions gets no attendance. Add it to `columns` or `set`." in told


def test_claim_values_that_anchors_repeat_are_counted(tmp_path):
    lines = ["clinic: fjord", "a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for n in range(1, 6):
        lines.append(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]")

    assert "50,000" in refused("\n".join(lines) + "\n", tmp_path)


def test_claim_two_formats_that_read_one_text_as_two_days_are_an_error(tmp_path):
    told = refused(FORM + 'date_format: ["%d/%m/%Y", "%m/%d/%Y"]\n', tmp_path)

    assert "read one text as two days" in told


def test_claim_extends_merges_maps_and_replaces_lists(tmp_path):
    (tmp_path / "groups").mkdir()
    common = FORM.replace("clinic: fjord\n", "missing_codes: [-9]\nqualtrics: {tests: keep}\n")
    (tmp_path / "groups" / "riverside.yml").write_text(common, encoding="utf-8")
    own = "clinic: fjord\nextends: riverside\nmissing_codes: [-8]\n"
    (tmp_path / "fjord.yml").write_text(own, encoding="utf-8")

    clinic = load_clinic(tmp_path, "fjord")

    assert list(clinic.missing_codes) == ["-8"]
    assert [feed.table for feed in clinic.feeds] == ["responses"]


def test_claim_order_takes_a_column_and_words_become_numbers(tmp_path):
    text = FORM + "    order: visit\n    values: {occasion: {pre: 0, post: 1}}\n"
    (tmp_path / "fjord.yml").write_text(text, encoding="utf-8")

    (feed,) = load_clinic(tmp_path, "fjord").feeds

    assert feed.columns["occasion"] == "visit"
    assert feed.values["occasion"] == {"pre": "0", "post": "1"}
