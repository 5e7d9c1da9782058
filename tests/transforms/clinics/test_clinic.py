"""A clinic's YAML: read as written, refused with file, line and key."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest

from transforms.clinics.clinic import Clinic, canonical_clinic
from transforms.clinics.problems import unregistered
from transforms.clinics.yaml_file import clinic_schema, load_clinic, read_clinic_yaml
from transforms.errors import ConfigError

ROOT = Path(__file__).resolve().parents[3]
LAKESIDE = """\
clinic: lakeside
group: fjord
format: redcap
files: "lakeside_*.csv"
dictionary: "*_dictionary.csv"
missing_codes: [-99, NA, 01]
feeds:
  - table: responses
    form: srs
    set: {instrument: srs, rater: client}
    columns:
      client_id: record_id
      completed_at: srs_date
      session_id: {join: [record_id, redcap_repeat_instance]}
    items: "srs_{n}"
    submitted: {total: srs_total}
    date_format: "%d.%m.%Y"
  - table: sessions
    form: visit
    columns: {session_id: a, client_id: b, therapist_id: c, session_at: d, attendance: e}
    values:
      attendance: {1: attended, 02: late, no: dna}
"""


@pytest.fixture
def write(tmp_path):
    """Write lakeside.yml, with one text replaced by another."""

    def text(old: str = "", new: str = "", *, whole: str = LAKESIDE) -> Path:
        assert old in whole
        path = tmp_path / "lakeside.yml"
        path.write_text(whole.replace(old, new, 1) if old else whole, encoding="utf-8")
        return path

    return text


def test_every_scalar_is_the_text_as_written(write):
    clinic = read_clinic_yaml(write())

    assert clinic.missing_codes == ["-99", "NA", "01"]
    assert clinic.feeds[1].values == {"attendance": {"1": "attended", "02": "late", "no": "dna"}}
    assert clinic.feeds[0].date_format == ["%d.%m.%Y"]
    assert clinic.feeds[0].columns["session_id"].separator == "-"


@pytest.mark.parametrize(
    ("old", "new", "where", "words"),
    [
        ("form: srs", "fom: srs", ":9:", "feeds.1.fom: the key is not known. Did you mean form"),
        ("group: fjord", "grup: fjord", ":2:", "grup: the key is not known. Did you mean group"),
        ("format: redcap", "format: redcup", ":3:", "Input should be 'canonical', 'delimited'"),
        ("table: responses", "table: replies", ":8:", "feeds.1.table"),
        ("srs_{n}", "srs_", ":15:", "feeds.1.items: the pattern has no {n}"),
        ("client_id: record_id", "cliend_id: record_id", ":12:", "no column cliend_id"),
        ("rater: client", "raters: client", ":10:", "no column raters"),
        ("rater: client", "client_id: x", ":10:", "cannot be the same in all rows"),
        (", attendance: e", "", ":18:", "sessions gets no attendance"),
        ("attendance: {1", "attended: {1", ":22:", "no column attended"),
        ("{total:", "{To tal:", ":16:", "not a scale's name"),
        ("clinic: lakeside", "clinic: lake", ":1:", "the file is called lakeside.yml"),
        ("clinic: lakeside\n", "", ":1:", "clinic: the key is missing"),
        ("clinic: lakeside", "clinic: Lake Side", ":1:", "String should match pattern"),
        ("group: fjord", "group: fjord\ngroup: x", ":3:", "group: the key is there twice"),
        ("dictionary:", "delimiter: '::'\nname:", ":5:", "must be one character"),
        ("dictionary:", "name:", ":3:", "redcap needs `dictionary`"),
        ("    form: visit\n", "", ":18:", "a REDCap feed needs `form`"),
        ("group: fjord", "group: [fjord", ":3:", "not valid YAML"),
        ("    values:", "    items: [a]\n    values:", ":21:", "sessions has no answers"),
    ],
)
def test_an_error_names_file_line_and_key(write, old, new, where, words):
    with pytest.raises(ConfigError) as caught:
        read_clinic_yaml(write(old, new))

    lines = str(caught.value).splitlines()
    at = [line for line in lines if line.startswith(f"lakeside.yml{where}")]
    assert any(words in line for line in at), lines


SEVERAL = """\
clinic: lake
format: delimited
feeds:
  - table: session
    colums: {client_id: a}
  - table: responses
    set: {instrument: srs}
    columns: {cliend_id: id, completed_at: day}
    items: "srs_"
"""


def test_all_errors_of_a_file_are_told_at_once_by_line(write):
    """A feed with a wrong key hides no other; a misspelt column is not also called missing."""
    with pytest.raises(ConfigError) as caught:
        read_clinic_yaml(write(whole=SEVERAL))

    told = [line.split(". ")[0] for line in str(caught.value).splitlines()]
    assert told == [
        "lakeside.yml:1: clinic: the file is called lakeside.yml",
        "lakeside.yml:4: feeds.1.table: Input should be 'responses', 'sessions', 'episodes', "
        "'clients' or 'therapists'",
        "lakeside.yml:5: feeds.1.colums: the key is not known",
        "lakeside.yml:6: feeds.2: responses gets no rater",
        "lakeside.yml:8: feeds.2.columns.cliend_id: responses has no column cliend_id",
        "lakeside.yml:9: feeds.2.items: the pattern has no {n}",
    ]


def test_a_wrong_key_above_the_feeds_leaves_their_rules_for_later(write):
    """Without the format, what fits a feed would be guessed: one error, not five."""
    with pytest.raises(ConfigError) as caught:
        read_clinic_yaml(write("format: redcap", "fromat: redcap"))

    assert str(caught.value) == "lakeside.yml:3: fromat: the key is not known. Did you mean format."


def test_every_double_key_is_told(write):
    with pytest.raises(ConfigError) as caught:
        read_clinic_yaml(write("group: fjord", "group: fjord\ngroup: x\nformat: redcap"))

    assert [line[:15] for line in str(caught.value).splitlines()] == [
        "lakeside.yml:3:",
        "lakeside.yml:5:",
    ]


@pytest.mark.parametrize("text", ["", "- a\n", "just words\n"])
def test_a_file_without_keys_is_refused(write, text):
    with pytest.raises(ConfigError, match="holds no keys"):
        read_clinic_yaml(write(whole=text))


def test_a_mapped_format_needs_feeds(write):
    with pytest.raises(ConfigError, match="delimited needs `feeds`"):
        read_clinic_yaml(write(whole="clinic: lakeside\nformat: delimited\n"))


def test_an_instrument_nobody_defined_is_told_with_the_nearest(write):
    clinic = read_clinic_yaml(write("instrument: srs,", "instrument: srs4,"))

    assert list(unregistered(clinic, {"srs", "phq9"})) == [
        "lakeside.yml: feeds.1: srs4 is not in config/instruments. Did you mean srs."
    ]
    assert list(unregistered(clinic, {"srs4"})) == []


DOCUMENTED = [
    (page.name, example)
    for page in [ROOT / "docs/clinic-yaml.md", ROOT / "docs/formats/redcap.md"]
    for example in re.findall(r"```yaml\n(clinic: .*?)```", page.read_text("utf-8"), re.DOTALL)
]


@pytest.mark.parametrize(("page", "example"), DOCUMENTED)
def test_every_documented_example_is_valid(tmp_path, page, example):
    name = re.match(r"clinic: (\w+)", example)[1]
    path = tmp_path / f"{name}.yml"
    path.write_text(example, encoding="utf-8")

    assert read_clinic_yaml(path).feeds


def test_a_clinic_without_yaml_sends_canonical_files(tmp_path):
    clinic = load_clinic(tmp_path, "harbor")

    assert clinic == canonical_clinic("harbor")
    assert (clinic.format, clinic.group) == ("canonical", "harbor")
    assert [feed.table for feed in clinic.feeds_for("Sessions_2026-05.csv", None)] == ["sessions"]
    assert clinic.feeds_for("notes.csv", None) == []
    assert [feed.table for feed in clinic.feeds_for("all.xlsx", "therapists")] == ["therapists"]


def test_several_feeds_may_read_the_same_rows():
    feeds = [
        {"table": "clients", "columns": {"client_id": "id"}, "files": "wide_*.csv"},
        {"table": "therapists", "columns": {"therapist_id": "t"}},
    ]
    clinic = Clinic(clinic="a", format="delimited", feeds=feeds)

    assert [feed.table for feed in clinic.feeds_for("wide_1.csv", None)] == [
        "clients",
        "therapists",
    ]
    assert [feed.table for feed in clinic.feeds_for("other.csv", None)] == ["therapists"]


def test_the_dictionary_and_lock_files_are_no_exports(write):
    clinic = read_clinic_yaml(write())

    assert clinic.is_export("lakeside_2026.csv")
    assert clinic.is_dictionary("lakeside_dictionary.csv")
    assert not clinic.is_export("lakeside_dictionary.csv")
    assert not clinic.is_export("other.csv")
    assert not canonical_clinic("a").is_export("~$export.xlsx")


def test_the_schema_takes_codes_with_and_without_quotes():
    feed = {"table": "clients", "columns": {"client_id": "id"}, "missing_codes": [-9, "NA"]}
    content = {"clinic": "a", "date_format": "%d.%m.%Y", "feeds": [feed]}

    jsonschema.validate(content, json.loads(clinic_schema()))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content | {"surprise": 1}, json.loads(clinic_schema()))


@pytest.mark.parametrize(
    "path", sorted((ROOT / "config/clinics").glob("*.yml")), ids=lambda p: p.name
)
def test_every_clinic_in_config_is_valid(path):
    assert read_clinic_yaml(path).clinic == path.stem


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (
            "clinic: fjord\na: &a [x, x, x, x, x, x, x, x, x, x]\n"
            + "".join(
                f"{y}: &{y} [{', '.join([f'*{x}'] * 10)}]\n"
                for x, y in zip("abcdefgh", "bcdefghi", strict=True)
            ),
            "more than 50,000 values",
        ),
        ("clinic: fjord\na: &a [*a]\n", "not valid YAML|too deep"),
        (f"clinic: fjord\na: {'[' * 5000}\n", "not valid YAML|too deep"),
    ],
)
def test_a_yaml_that_explodes_is_refused_at_once(tmp_path, text, what):
    """Nine lines that stand for a billion values; a list that holds itself."""
    (tmp_path / "fjord.yml").write_text(text, encoding="utf-8")

    with pytest.raises(ConfigError, match=what):
        load_clinic(tmp_path, "fjord")


def test_a_yaml_in_another_encoding_is_refused_in_words(tmp_path):
    (tmp_path / "fjord.yml").write_bytes("clinic: fjord\nname: F\u00e6rder\n".encode("latin-1"))

    with pytest.raises(ConfigError, match=r"fjord.yml: the file is not UTF-8. Save it as UTF-8"):
        load_clinic(tmp_path, "fjord")
