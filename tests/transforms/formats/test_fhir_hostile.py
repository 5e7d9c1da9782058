"""FHIR files that are broken, hostile or full of secrets: refused in one line, or read whole."""

from __future__ import annotations

import json
import traceback
import tracemalloc
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from transforms.clinics.clinic import Clinic
from transforms.errors import FileRefused
from transforms.formats.fhir import json_stream as fhir_json
from transforms.formats.text import encoding as text
from transforms.instruments.registry import load_registry
from transforms.intake.read_file import read_export

ROOT = Path(__file__).resolve().parents[3]
CODES = ["44250-9", "44255-8", "44259-0", "44254-1", "44251-7", "44258-2", "44252-5", "44253-3",
         "44260-8"]  # fmt: skip
DEEP = 20_000


@pytest.fixture(scope="module")
def registry():
    return load_registry(ROOT / "config" / "instruments")


def response(**changed) -> dict:
    """A PHQ-9 with 1 everywhere and its total."""
    items = [{"linkId": f"/{code}", "answer": [{"valueInteger": 1}]} for code in CODES]
    items.append({"linkId": "/44261-6", "answer": [{"valueDecimal": 9}]})
    return {
        "resourceType": "QuestionnaireResponse", "id": "r1", "status": "completed",
        "subject": {"reference": "Patient/p1"}, "authored": "2026-07-01", "item": items,
    } | changed  # fmt: skip


@pytest.fixture
def read(con, tmp_path, registry):
    """Read text or bytes as an export; the scratch folder must be empty afterwards."""

    def run(content: str | bytes, name: str = "e.json", **options):
        path = tmp_path / name
        path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        scratch = tmp_path / "scratch"
        scratch.mkdir(exist_ok=True)
        clinic = Clinic(clinic="harbor", format="fhir", fhir=options)
        try:
            return read_export(path, clinic, con=con, scratch=scratch, registry=registry)
        finally:
            assert list(scratch.iterdir()) == []

    return run


GOOD = json.dumps(response())


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("", "empty"),
        ("{}", "no type"),
        ('{"entry": 1}', "no type"),
        ("[" * DEEP + "]" * DEEP, "not JSON|nested|no QuestionnaireResponse"),
        ('{"a":' * DEEP + "1" + "}" * DEEP, "nested too deeply"),
        (GOOD[:-1] + ', "x": ' + "[" * DEEP + "]" * DEEP + "}", "nested too deeply"),
        (GOOD[:-10], "cut off"),
        (GOOD + "}", "more than one|not JSON"),
        (GOOD.replace('"valueInteger": 1', '"valueInteger": NaN', 1), "NaN"),
        (GOOD.replace('"valueInteger": 1', '"valueInteger": -Infinity', 1), "NaN"),
        (GOOD.replace('"valueInteger": 1', '"valueInteger": 1e999', 1), "too large"),
        (GOOD.replace('"valueInteger": 1', '"valueInteger": ' + "9" * 5000, 1), "too long"),
        (GOOD.replace('"valueInteger": 1', '"valueInteger": 0, "valueInteger": 1', 1), "twice"),
        ('{"resourceType": "Bundle", ' + GOOD[1:], "twice"),
        (GOOD.replace('"id": "r1"', '"id": "\\ud800"'), "characters"),
        (GOOD.replace('"id": "r1"', '"id": "a\\u0000b"'), "characters"),
        (GOOD.replace("r1", "a\0b"), "NUL"),
        ("<QuestionnaireResponse/>", "XML"),
        ("PK\x03\x04" + GOOD, "zip"),
        ("client_id,item_1\n1,2\n", "not JSON"),
        (json.dumps(response(item="canary")), "no list of objects"),
        (json.dumps(response(item=[["canary"]])), "no list of objects"),
        (json.dumps(response(item=[{"linkId": "a", "answer": {"canary": 1}}])), "no list"),
        (json.dumps(response(item=[{"answer": [{"valueInteger": 1}]}])), "without linkId"),
        (json.dumps(response(group={})), "DSTU2"),
        ('{"resourceType": "Bundle", "entry": [1]}', "holds no resource"),
        ('{"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Bundle"}}]}',
         "holds no resource"),
        ('{"resourceType": "Bundle", "entry": [{}', "cut off"),
        ('{"resourceType": "Patient", "entry": [{}]}', "no FHIR Bundle"),
    ],
)  # fmt: skip
def test_what_is_not_what_it_claims_to_be_is_refused(read, content, what):
    with pytest.raises(FileRefused, match=what) as refusal:
        read(content)
    said = "".join(traceback.format_exception(refusal.value))
    assert refusal.value.code in ("F01", "F06")
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 250
    assert refusal.value.__context__ is None or "canary" not in said


@pytest.mark.parametrize("odd", ["{", GOOD + GOOD, "[]", '"text"', "1", '{"a": 1, "a": 2}', "nul"])
def test_one_bad_line_refuses_the_whole_ndjson_and_is_named(read, odd):
    with pytest.raises(FileRefused, match="Line 3 ") as refusal:
        read(f"{GOOD}\n\n{odd}\n{GOOD}\n", "e.ndjson")
    assert refusal.value.code == "F01"


def test_a_bundle_inside_ndjson_is_refused(read):
    with pytest.raises(FileRefused, match="Line 2 is a Bundle"):
        read(f'{GOOD}\n{{"resourceType": "Bundle", "entry": []}}\n', "e.ndjson")


def test_a_line_too_long_is_refused_without_reading_it_whole(read, monkeypatch):
    monkeypatch.setattr(fhir_json, "LONGEST_LINE", 5_000)
    with pytest.raises(FileRefused, match="Line 2 is longer"):
        read(f"{GOOD}\n{json.dumps(response(id='x' * 9_000))}\n", "e.ndjson")


def test_a_bundle_too_large_is_refused_with_the_remedy(read, monkeypatch):
    monkeypatch.setattr(fhir_json, "LARGEST_BUNDLE", len(GOOD) - 1)
    with pytest.raises(FileRefused, match="Export it as NDJSON"):
        read(GOOD)
    monkeypatch.setattr(fhir_json, "LARGEST_BUNDLE", len(GOOD))
    assert read(GOOD)[0].n_rows == 1


def test_items_nested_without_end_or_without_number_are_refused(read):
    deep: dict = {"linkId": "g"}
    for _ in range(60):
        deep = {"linkId": "g", "item": [deep]}
    for items in ([deep], [{"linkId": "g"}] * 6_000):
        with pytest.raises(FileRefused, match="too many items or levels"):
            read(json.dumps(response(item=items)))


def test_forty_levels_of_groups_are_read(read):
    items = response()["item"]
    for _ in range(39):
        items = [{"linkId": "g", "item": items}]

    assert read(json.dumps(response(item=items)))[0].n_rows == 1


def _canaries(node: object, path: str = "") -> object:
    """Replace every text that FHIR does not fix by a canary."""
    if isinstance(node, dict):
        return {key: _canaries(value, key) for key, value in node.items()}
    if isinstance(node, list):
        return [_canaries(value, path) for value in node]
    fixed = ("resourceType", "status", "linkId", "url")
    return node if path in fixed or not isinstance(node, str) else f"canary {path}"


FULL = response(
    questionnaire="http://x.example/q",
    author={"reference": "Practitioner/p", "display": "Name"},
    source={"identifier": {"value": "7"}},
    encounter={"reference": "Encounter/e"},
    text={"div": "Name"},
    contained=[{"resourceType": "Patient", "id": "p", "name": [{"family": "Name"}]}],
    extension=[{"url": "http://x.example/e", "valueString": "Name"}],
)
VALUES = [
    {"valueString": "canary"},
    {"valueCoding": {"system": "canary", "code": "canary", "display": "canary"}},
    {"valueQuantity": {"value": "canary", "unit": "canary"}},
    {"valueReference": {"reference": "canary"}},
    {"valueAttachment": {"url": "canary"}},
    {"valueInteger": "canary"},
    {"valueBoolean": "canary"},
    {"valueCanary": ["canary"]},
]


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("known", [True, False])
def test_no_note_or_refusal_holds_what_stands_in_the_file(read, value, known):
    content = _canaries(FULL)
    content["item"][0] = {"linkId": f"/{CODES[0]}" if known else "canary", "answer": [value]}
    said = everything_said(read, json.dumps(content))

    assert said
    assert "canary" not in said


def everything_said(read, content: str) -> str:
    """Return the notes and sheets, or the refusal with all that is chained to it."""
    try:
        sources = read(content)
        return " ".join(f"{one.sheet} {one.columns} {one.notes}" for one in sources)
    except FileRefused as refusal:
        return "".join(traceback.format_exception(refusal))


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_a_mutated_file_is_read_whole_or_refused(read, data):
    """Bytes flipped, cut out, doubled or cut off: never another error, never half the rows."""
    raw = bytearray(f"{GOOD}\n{GOOD}\n".encode())
    at = data.draw(st.integers(0, len(raw) - 1))
    length = data.draw(st.integers(1, 40))
    kind = data.draw(st.sampled_from(["flip", "cut", "double", "end"]))
    if kind == "flip":
        raw[at] ^= data.draw(st.integers(1, 255))
    elif kind == "cut":
        del raw[at : at + length]
    elif kind == "double":
        raw[at:at] = raw[at : at + length]
    else:
        del raw[at:]
    sources = None
    with suppress(FileRefused):
        sources = read(bytes(raw), "e.ndjson")
    if sources:
        n_left_out = sum(
            "left out" in one.text or "not used" in one.text for one in sources[0].notes
        )
        # A line ends with a line feed; a blank turned into CR is still white space inside one.
        lines = [line for line in raw.split(b"\n") if line.strip()]
        assert sources[0].n_rows + n_left_out == len(lines)


def test_a_carriage_return_within_a_line_is_white_space(read):
    """JSON allows it where it allows a blank; only a line feed ends a line of NDJSON."""
    (source,) = read(GOOD.replace(": ", ":\r") + "\n" + GOOD + "\n", "e.ndjson")

    assert source.n_rows == 2


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text() | st.integers(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(
                        ["item", "answer", "linkId", "valueCoding", "valueInteger", "code",
                         "extension", "url", "display", "reference", "subject", "contained",
                         "identifier", "questionnaire", "status", "encounter"]), inner),
                    max_leaves=30))  # fmt: skip
@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_json_in_place_of_any_part_is_read_or_refused(read, anything):
    """Every part of a response in turn is something FHIR does not allow there."""
    for part in FULL:
        if part == "resourceType":
            continue
        with suppress(FileRefused):
            read(json.dumps(FULL | {part: anything}))


def test_a_response_of_a_misspelled_type_is_not_lost(read):
    with pytest.raises(FileRefused, match="Line 2 is of no type"):
        read(f"{GOOD}\n{GOOD.replace('Response', 'Rezponse')}\n", "e.ndjson")


def test_resources_of_other_types_are_counted(read):
    (source,) = read(f'{GOOD}\n{{"resourceType": "Medication"}}\n', "e.ndjson")

    assert [note.text for note in source.notes] == ["1 resource of other types not used"]


def test_ndjson_is_streamed(con, tmp_path, registry, monkeypatch):
    """Five thousand responses of 2 KB (9 MB) take a part of that in Python's memory."""
    path = tmp_path / "e.ndjson"
    line = json.dumps(response(text={"div": "x" * 1_000}))
    path.write_text(f"{line}\n" * 5_000, encoding="utf-8")
    clinic = Clinic(clinic="harbor", format="fhir")
    read_export(path, clinic, con=con, scratch=tmp_path, registry=registry)  # imports, caches
    monkeypatch.setattr(text, "CHUNK", 65_536)  # the decoder's own buffer is 8 MiB
    tracemalloc.start()
    (source,) = read_export(path, clinic, con=con, scratch=tmp_path, registry=registry)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert source.n_rows == 5_000
    assert path.stat().st_size > 8_000_000
    assert peak < 5_000_000
