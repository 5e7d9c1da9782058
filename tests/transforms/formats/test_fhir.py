"""FHIR questionnaire responses: by linkId or LOINC, and never a silent 0."""

from __future__ import annotations

import json
import shutil
from datetime import datetime
from pathlib import Path

import pytest

from transforms import sql
from transforms.clinics.clinic import Clinic
from transforms.clinics.yaml_file import read_clinic_yaml
from transforms.errors import FileRefused
from transforms.instruments.registry import load_registry
from transforms.instruments.tables import registry_rows
from transforms.intake.column_mapping import map_columns
from transforms.intake.pseudonyms import GroupKey
from transforms.intake.read_file import read_export
from transforms.intake.stage import stage

ROOT = Path(__file__).resolve().parents[3]
LOINC = "http://loinc.org"
HL7 = "http://hl7.org/fhir/StructureDefinition"
# PHQ-9 in the order of the form, and its answer codes 0 to 3 (domain.md, section 1.3).
PHQ9 = ["44250-9", "44255-8", "44259-0", "44254-1", "44251-7", "44258-2", "44252-5", "44253-3",
        "44260-8"]  # fmt: skip
ANSWERS = ["LA6568-5", "LA6569-3", "LA6570-1", "LA6571-9"]
SHOWN = ["Not at all", "Several days", "More than half the days", "Nearly every day"]
URL = "http://clinic.example/Questionnaire/mood"
ITEMS = tuple(f"item_{n}" for n in range(1, 10))


@pytest.fixture(scope="module")
def registry():
    return load_registry(ROOT / "config" / "instruments")


def coding(points: int, **changed) -> dict:
    """One LOINC answer."""
    return {"system": LOINC, "code": ANSWERS[points], "display": SHOWN[points]} | changed


def answered(link_id: str, *values: dict) -> dict:
    """One answered item."""
    return {"linkId": link_id, "answer": list(values)}


def phq9(*points: int, total: float | None = None) -> list[dict]:
    """The items of a PHQ-9, answered by code."""
    items = [
        answered(f"/{code}", {"valueCoding": coding(one)})
        for code, one in zip(PHQ9, points, strict=True)
    ]
    return [*items, answered("/44261-6", {"valueDecimal": total})] if total is not None else items


def response(items: list[dict], **changed) -> dict:
    """One completed response."""
    return {
        "resourceType": "QuestionnaireResponse", "id": "r1", "status": "completed",
        "questionnaire": f"{URL}|1.0", "subject": {"reference": "Patient/p1"},
        "authored": "2026-07-01T09:10:00+02:00", "item": items,
    } | changed  # fmt: skip


def bundle(*resources: dict) -> dict:
    """A Bundle whose resources are called urn:uuid:0, 1, …"""
    entries = [{"fullUrl": f"urn:uuid:{i}", "resource": one} for i, one in enumerate(resources)]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def ordinal(points: float, name: str = "ordinalValue", kind: str = "valueDecimal") -> list[dict]:
    return [{"url": f"{HL7}/{name}", kind: points}]


def option(code: str, display: str, points: float | None = None) -> dict:
    worth = {} if points is None else {"extension": ordinal(points)}
    return {"valueCoding": {"code": code, "display": display}} | worth


# A form of the clinic's own: two questions with local codes, one in a group, one comment.
MOOD = {
    "resourceType": "Questionnaire", "id": "mood", "url": URL, "status": "active",
    "item": [
        {"linkId": "g", "type": "group", "item": [
            {"linkId": "m.1", "type": "choice", "answerOption": [
                option("no", "Never", 0), option("some", "Now and then", 1),
                option("yes", "Always", 2),
            ]},
            {"linkId": "m.2", "type": "choice", "answerOption": [
                option("no", "Never", 0), option("yes", "Always", 2),
            ]},
        ]},
        {"linkId": "m.why", "type": "text"},
    ],
}  # fmt: skip
FEED = {"table": "responses", "form": URL, "set": {"instrument": "mood", "rater": "client"},
        "items": "m.{n}"}  # fmt: skip


def clinic(*feeds: dict, **options) -> Clinic:
    return Clinic(clinic="harbor", format="fhir", fhir=options, feeds=feeds)


@pytest.fixture
def read(con, tmp_path, registry):
    """Write an export (NDJSON if several resources are given) and read it."""

    def run(*resources: dict, config: Clinic | None = None, name: str = "", text: str = ""):
        as_lines = len(resources) > 1 and not text
        path = tmp_path / (name or ("e.ndjson" if as_lines else "e.json"))
        written = [json.dumps(one, indent=None if as_lines else 1) for one in resources]
        path.write_text(text or "\n".join(written), encoding="utf-8")
        scratch = tmp_path / "scratch"
        scratch.mkdir(exist_ok=True)
        try:
            return read_export(
                path, config or clinic(), con=con, scratch=scratch, registry=registry
            )
        finally:
            assert list(scratch.iterdir()) == []

    return run


@pytest.fixture
def rows(con):
    """Return chosen columns of a Source in the order of lines."""

    def select(source, *columns: str) -> list[tuple]:
        chosen = ", ".join(map(sql.name, columns))
        return con.execute(f"select {chosen} from {source.relation} order by _line").fetchall()

    return select


@pytest.fixture
def items(read, rows):
    """Read one response and return its PHQ-9 items."""

    def of(*given: dict, **how) -> tuple:
        (source,) = read(*given, **how)
        return rows(source, *ITEMS)[0]

    return of


def notes(source) -> dict[str, str]:
    return {note.kind: note.text for note in source.notes}


# ------------------------------------------------------------------ containers


def test_a_single_resource_a_bundle_and_ndjson_are_the_same_rows(read, rows):
    one = response(phq9(2, 2, 2, 2, 1, 1, 2, 0, 0, total=12))
    two = response(phq9(0, 0, 0, 0, 0, 0, 0, 0, 3, total=3), id="r2")
    columns = ("_line", "response_id", "client_id", "completed_at", *ITEMS, "submitted_total")
    first = ("r1/phq9", "p1", "2026-07-01 09:10:00+02:00", *"222211200", "12")
    second = ("r2/phq9", "p1", "2026-07-01 09:10:00+02:00", *"000000003", "3")

    assert rows(*read(one), *columns) == [(1, *first)]
    assert rows(*read(one, two), *columns) == [(1, *first), (2, *second)]
    assert rows(*read(bundle(one, two)), *columns) == [(1, *first), (2, *second)]


def test_ndjson_keeps_true_lines_across_blank_ones_and_other_resources(read, rows):
    one = json.dumps(response(phq9(*[0] * 9, total=0)))
    text = f'\ufeff\n{{"resourceType": "Patient", "id": "p1"}}\r\n{one}\n\n{one}\n'

    assert rows(*read(text=text, name="e.ndjson"), "_line") == [(3,), (5,)]


def test_ndjson_is_known_by_its_first_line_whatever_its_name(read, rows):
    one = json.dumps(response(phq9(*[0] * 9, total=0)))

    assert rows(*read(text=f"{one}\n{one}", name="export.json"), "_line") == [(1,), (2,)]


def test_a_bundle_whose_keys_come_in_any_order_is_read(read, rows):
    entry = json.dumps({"resource": response(phq9(*[1] * 9, total=9))})
    text = f'{{"entry": [{entry}], "total": 1, "resourceType": "Bundle"}}'

    assert rows(*read(text=text), "submitted_total") == [("9",)]


# ------------------------------------------------------------------ what an answer is worth


@pytest.mark.parametrize(
    "value",
    [
        {"valueCoding": coding(2)},
        {"valueCoding": {"system": LOINC, "code": "LA6570-1"}},
        {"valueCoding": coding(2, display="Mehr als die Hälfte der Tage")},
        {"valueCoding": coding(2, extension=ordinal(2))},
        {"valueCoding": {"code": "x", "extension": ordinal(2)}},
        {"valueCoding": {"code": "x", "extension": ordinal(2, "itemWeight")}},
        {"valueCoding": {"code": "x", "extension": ordinal(2, "iso21090-CO-value")}},
        {"valueCoding": {"code": "x"}, "extension": ordinal(2, kind="valueInteger")},
        {"valueCoding": {"system": "http://clinic.example", "code": "2"}},
        {"valueInteger": 2},
        {"valueDecimal": 2.0},
        {"valueDecimal": 2, "extension": ordinal(2)},
        {"valueQuantity": {"value": 2}},
        {"valueString": " 2 "},
    ],
)
def test_two_points_are_two_points_however_they_are_written(items, value):
    given = [answered(f"/{PHQ9[0]}", value), *phq9(*[1] * 9, total=10)[1:]]

    assert items(response(given)) == tuple("211111111")


@pytest.mark.parametrize(
    ("value", "found"),
    [
        # code against display, ordinal and number
        ({"valueCoding": coding(0, display="Nearly every day")}, "contradicting answer"),
        ({"valueCoding": coding(0, extension=ordinal(3))}, "contradicting answer"),
        ({"valueCoding": coding(3), "extension": ordinal(0)}, "contradicting answer"),
        ({"valueInteger": 1, "extension": ordinal(0)}, "contradicting answer"),
        ({"valueInteger": 1, "valueDecimal": 0}, "contradicting answer"),
        ({"valueQuantity": {"value": 3, "comparator": "<"}}, "contradicting answer"),
        # nothing says what it is worth
        ({"valueCoding": {"display": "Rather"}}, "unknown answer option"),
        ({"valueCoding": {"system": LOINC, "code": "LA137-2"}}, "LA137-2"),
        ({"valueCoding": {"system": "http://snomed.info/sct", "code": "LA6568-5"}}, "LA6568-5"),
        ({"valueString": "a lot"}, "a lot"),
        ({"valueBoolean": True}, "true"),
        ({"valueCoding": coding(0, system=None, display="Several days")}, "contradicting answer"),
        ({"valueAttachment": {"title": "canary"}}, "unknown answer option"),
        ({"valueCoding": {}}, "unknown answer option"),
    ],
)
def test_what_contradicts_itself_or_says_no_number_is_never_zero(items, value, found):
    given = [answered(f"/{PHQ9[0]}", value), *phq9(*[1] * 9, total=9)[1:]]
    first = items(response(given))[0]

    assert first == found
    with pytest.raises(ValueError, match="could not convert"):
        float(first)


@pytest.mark.parametrize(
    "value",
    [
        [],
        [{}],
        [{"valueInteger": None}],
        [{"extension": [{"url": f"{HL7}/data-absent-reason"}]}],
        None,
    ],
)
def test_an_answer_without_a_value_is_no_answer(items, value):
    given = [{"linkId": f"/{PHQ9[0]}", "answer": value}, *phq9(*[1] * 9, total=8)[1:]]

    assert items(response(given))[0] is None


def test_two_answers_to_one_scored_item_are_a_finding(items):
    twice = answered(f"/{PHQ9[0]}", {"valueInteger": 0}, {"valueInteger": 3})
    apart = [answered(f"/{PHQ9[0]}", {"valueInteger": n}) for n in (0, 3)]
    rest = phq9(*[1] * 9, total=9)[1:]

    assert items(response([twice, *rest]))[0] == "several answers"
    assert items(response([*apart, *rest]))[0] == "several answers"


def test_contradictions_are_counted_in_a_note_and_land_in_bad_cells(read, con, tmp_path, registry):
    wrong = answered(f"/{PHQ9[2]}", {"valueCoding": coding(0, extension=ordinal(3))})
    given = phq9(*[1] * 9, total=9)
    given[2] = wrong
    (source,) = read(response(given))
    config = clinic()
    (feed,) = config.feeds_for("e.json", source.sheet)
    stage(
        con, "responses", [map_columns(feed, source)], config, file_id="f1", source_file="e.json",
        received_at=datetime(2026, 8, 1), key=GroupKey.derive(b"0" * 32, "north"),
        registry_rows=registry_rows(registry), out=tmp_path / "o.parquet",
        identities=tmp_path / "i.parquet",
    )  # fmt: skip
    staged = con.execute(
        f"select bad_cells, item_3, item_4, version, completed_at from '{tmp_path}/o.parquet'"
    ).fetchall()

    assert notes(source)["contradictions"] == (
        "1 answer with code, display and ordinal that contradict each other: marked as unreadable; "
        "`fhir.decides` says which counts"
    )
    assert staged == [(["item_3"], None, 1.0, "standard", datetime(2026, 7, 1, 9, 10))]


@pytest.mark.parametrize(
    ("value", "by"),
    [
        ({"valueCoding": coding(0, display="Nearly every day")}, {"code": "0", "display": "3"}),
        ({"valueCoding": coding(0, extension=ordinal(3))},
         {"code": "0", "display": "0", "ordinal": "3"}),
        ({"valueCoding": coding(3), "extension": ordinal(0)},
         {"code": "3", "display": "3", "ordinal": "0"}),
        ({"valueInteger": 1, "extension": ordinal(0)}, {"code": "1", "ordinal": "0"}),
        # Two numbers of one kind: that kind decides nothing.
        ({"valueCoding": coding(1, extension=ordinal(0)), "extension": ordinal(2)},
         {"code": "1", "display": "1"}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("decides", ["code", "display", "ordinal"])
def test_the_yaml_may_say_which_counts_where_an_answer_contradicts_itself(
    read, rows, value, by, decides
):
    given = [answered(f"/{PHQ9[0]}", value), *phq9(*[1] * 9, total=9)[1:]]

    (source,) = read(response(given), config=clinic(decides=decides))

    assert rows(source, "item_1") == [(by.get(decides, "contradicting answer"),)]
    assert ("decided" in notes(source)) is (decides in by)


# ------------------------------------------------------------------ forms of the clinic's own


def mood(*items: dict, **changed) -> dict:
    return response(list(items), **changed)


def local(link_id: str, code: str, **changed) -> dict:
    return answered(link_id, {"valueCoding": {"code": code} | changed})


def test_ordinals_come_from_the_questionnaire_through_nested_groups(read, rows):
    group = {"linkId": "g", "item": [local("m.1", "some"), local("m.2", "yes")]}
    (source,) = read(bundle(MOOD, mood(group)), config=clinic(FEED))

    assert rows(source, "m.1", "m.2") == [("1", "2")]
    assert source.sheet == URL
    assert "m.why" not in source.columns


@pytest.mark.parametrize("form", [URL, f"{URL}|2.0", URL.upper()])
def test_a_form_is_told_by_its_url_whatever_its_version(read, form):
    config = clinic(FEED | {"form": form}, {"table": "responses"})
    (source,) = read(bundle(MOOD, mood(local("m.1", "yes"))), config=config)

    assert [feed.items for feed in config.feeds_for("e.json", source.sheet)] == ["m.{n}"]


def test_items_below_an_answer_are_found(read, rows):
    inner = {"linkId": "m.1", "answer": [{"valueCoding": {"code": "some"}, "item": [
        local("m.2", "yes")]}]}  # fmt: skip

    assert rows(*read(bundle(MOOD, mood(inner)), config=clinic(FEED)), "m.1", "m.2") == [("1", "2")]


@pytest.mark.parametrize(
    ("coded", "cell"),
    [
        ({"code": "yes", "display": "Always"}, "2"),
        ({"code": "yes", "display": "  ALWAYS "}, "2"),
        ({"code": "yes", "display": "Siempre"}, "2"),
        ({"display": "Now and then"}, "1"),
        ({"code": "yes", "display": "Never"}, "contradicting answer"),
        ({"code": "2"}, "unknown answer option"),
        ({"code": "maybe"}, "unknown answer option"),
        ({"code": "yes", "extension": ordinal(0)}, "contradicting answer"),
    ],
)
def test_codes_are_checked_against_the_options_of_the_questionnaire(read, rows, coded, cell):
    """A code `2` that the form does not offer is not two points."""
    (source,) = read(bundle(MOOD, mood(answered("m.1", {"valueCoding": coded}))),
                     config=clinic(FEED))  # fmt: skip

    assert rows(source, "m.1") == [(cell,)]


def test_ordinals_are_found_in_contained_value_sets_and_stu3_options(read, rows):
    concepts = [{"code": "a", "extension": ordinal(7)}, {"code": "b", "extension": ordinal(9)}]
    form = {
        "resourceType": "Questionnaire", "url": URL,
        "contained": [{"resourceType": "ValueSet", "id": "vs",
                       "compose": {"include": [{"concept": concepts}]}}],
        "item": [{"linkId": "m.1", "answerValueSet": "#vs"},
                 {"linkId": "m.2", "option": [option("b", "B", 4)]}],
    }  # fmt: skip
    (source,) = read(bundle(form, mood(local("m.1", "a"), local("m.2", "b"))), config=clinic(FEED))

    assert rows(source, "m.1", "m.2") == [("7", "4")]
    assert "stu3" in notes(source)


def test_an_option_worth_two_numbers_is_refused(read):
    odd = {"valueCoding": {"code": "a", "extension": ordinal(1)}, "extension": ordinal(2)}
    form = {"resourceType": "Questionnaire", "url": URL, "item": [
        {"linkId": "m.1", "answerOption": [odd]}]}  # fmt: skip

    with pytest.raises(FileRefused, match="one answer option two values") as refusal:
        read(bundle(form, mood(local("m.1", "a"))), config=clinic(FEED))
    assert refusal.value.code == "F08"


def test_local_codes_without_a_questionnaire_are_left_to_values(read, rows):
    feed = FEED | {"items": ["m.1"], "values": {"items": {"some": "1"}}}
    (source,) = read(mood(local("m.1", "some")), config=clinic(feed))

    assert rows(source, "m.1") == [("some",)]


def test_a_linkid_nothing_explains_is_refused_by_place_not_by_name(read):
    strange = mood(local("m.1", "yes"), local("canary", "yes"))

    with pytest.raises(FileRefused, match=r"1 answer to a linkId .* \(line 2\)") as refusal:
        read(MOOD, strange, config=clinic(FEED))
    assert refusal.value.code == "F08"
    assert "canary" not in str(refusal.value)


def test_a_linkid_the_yaml_ignores_is_let_pass(read, rows):
    strange = mood(local("m.1", "yes"), local("extra", "yes"))

    assert rows(*read(MOOD, strange, config=clinic(FEED, ignore=["extra"])), "m.1") == [("2",)]


def test_an_unanswered_item_nothing_explains_does_no_harm(read, rows):
    strange = mood(local("m.1", "yes"), {"linkId": "heading", "item": []})

    assert rows(*read(MOOD, strange, config=clinic(FEED)), "m.1") == [("2",)]


def test_a_questionnaire_nobody_described_is_refused_or_skipped(read, rows):
    """The URL is told, as `form` would have to say it; what is no URL may be anything."""
    url = "http://clinic.example/Questionnaire/other"
    other = mood(local("x", "y"), questionnaire=f"{url}|2")
    odd = mood(local("x", "y"), questionnaire="canary Jones")
    known = mood(local("m.1", "yes"))

    with pytest.raises(FileRefused, match=r"1 questionnaire \(1 response, first in line 3\)") as no:
        read(MOOD, known, other, config=clinic(FEED))
    assert no.value.code == "F08"
    assert f"nothing explains: {url}. Put" in str(no.value)
    with pytest.raises(FileRefused, match="nothing explains") as no:
        read(MOOD, known, odd, config=clinic(FEED))
    assert "anary" not in str(no.value)
    (source,) = read(MOOD, known, other, config=clinic(FEED, other_questionnaires="skip"))
    assert rows(source, "m.1") == [("2",)]
    assert notes(source)["skipped_rows"] == "1 response to other questionnaires left out"


def test_linkids_that_differ_by_capitals_only_are_refused(read):
    form = MOOD | {"item": [{"linkId": "m.1"}, {"linkId": "M.1"}]}
    feed = FEED | {"items": ["m.1", "M.1"]}

    with pytest.raises(FileRefused, match="capital letters") as refusal:
        read(bundle(form, mood(local("m.1", "a"))), config=clinic(feed))
    assert refusal.value.code == "F08"


# ------------------------------------------------------------------ by LOINC


def questionnaire(codes: list[str], panel: str | None = None, **changed) -> dict:
    """A Questionnaire whose items q1, q2, … have LOINC codes."""
    whole = {"code": [{"system": LOINC, "code": panel}]} if panel else {}
    return {
        "resourceType": "Questionnaire", "url": URL,
        "item": [{"linkId": f"q{i}", "code": [{"system": LOINC, "code": code}]}
                 for i, code in enumerate(codes, 1)],
    } | whole | changed  # fmt: skip


def by_q(*points: int) -> list[dict]:
    return [answered(f"q{i}", {"valueCoding": coding(n)}) for i, n in enumerate(points, 1)]


def test_the_questionnaires_loinc_codes_tell_the_items_whatever_their_linkids(items):
    """Item 9 stands first in this form."""
    form = questionnaire([PHQ9[8], *PHQ9[:8]], "44249-1")

    assert items(bundle(form, response(by_q(3, 0, 1, 2, 0, 0, 0, 0, 0)))) == tuple("012000003")


def test_one_questionnaire_with_two_instruments_gives_two_tables(read, rows):
    """GAD-7 in the order of the form (domain.md, section 1.3)."""
    gad7 = ["69725-0", "68509-9", "69733-4", "69734-2", "69735-9", "69689-8", "69736-7"]
    form = questionnaire(PHQ9 + gad7)
    given = response(by_q(*[1] * 9, *[2] * 7))
    only_gad7 = response(by_q(*[1] * 9, *[3] * 7)[9:], id="r2")
    first, second = read(form, given, only_gad7)

    assert (first.sheet, second.sheet) == ("gad7", "phq9")
    assert rows(first, "response_id", "instrument", "item_7") == [
        ("r1/gad7", "gad7", "2"),
        ("r2/gad7", "gad7", "3"),
    ]
    assert rows(second, "response_id", "instrument", "item_7") == [("r1/phq9", "phq9", "1")]


def test_a_phq2_is_not_taken_for_a_phq9_with_seven_answers_missing(read):
    """Its two items have the codes of the first two of PHQ-9."""
    with pytest.raises(FileRefused, match="2 of the 9 items of phq9") as refusal:
        read(response(phq9(*[1] * 9)[:2]))
    assert refusal.value.code == "F08"
    with pytest.raises(FileRefused, match=f"nothing explains: {URL}"):
        read(bundle(questionnaire(PHQ9[:2]), response(by_q(1, 1))))


def test_all_items_over_the_file_are_enough_without_a_questionnaire(read, rows):
    some = response(phq9(*[1] * 9)[:5])
    rest = response(phq9(*[1] * 9)[5:], id="r2")
    (source,) = read(some, rest)

    assert rows(source, "item_5", "item_6") == [("1", None), (None, "1")]


def test_a_panel_that_lacks_items_is_refused(read):
    form = questionnaire(PHQ9[:8], "44249-1")
    with pytest.raises(FileRefused, match="says it is phq9 and lacks 1 item") as refusal:
        read(bundle(form, response(by_q(*[1] * 8))))
    assert refusal.value.code == "F08"


def test_the_unscored_difficulty_question_may_be_blank(read, rows):
    """69722-7 is item 10, never scored; its codes have no agreed numbers."""
    hard = answered("/69722-7", {"valueCoding": {"system": LOINC, "code": "LA6573-5"}})
    (source,) = read(response([*phq9(*[1] * 9, total=9), hard]))

    assert rows(source, "item_9", "item_10") == [("1", None)]
    assert notes(source)["uncoded"] == "1 unscored answer without a number left blank"


# ------------------------------------------------------------------ stored scores


def observation(value: dict, of: str = "QuestionnaireResponse/r1", **changed) -> dict:
    return {
        "resourceType": "Observation", "status": "final",
        "code": {"coding": [{"system": LOINC, "code": "44261-6"}]},
        "derivedFrom": [{"reference": of}],
    } | value | changed  # fmt: skip


@pytest.mark.parametrize(
    "value", [{"valueQuantity": {"value": 9}}, {"valueInteger": 9}, {"valueString": "9"}]
)
def test_an_observed_total_is_the_submitted_one(read, rows, value):
    given = response(phq9(*[1] * 9))

    assert rows(*read(bundle(given, observation(value))), "submitted_total") == [("9",)]
    assert rows(*read(bundle(given, observation(value, "urn:uuid:0"))), "submitted_total") == [
        ("9",)
    ]


def test_totals_that_differ_are_a_finding(read, rows):
    given = response(phq9(*[1] * 9, total=12))
    (source,) = read(bundle(given, observation({"valueInteger": 9})))

    assert rows(source, "submitted_total") == [("contradicting answer",)]


def test_a_voided_observation_does_not_count(read, rows):
    given = response(phq9(*[1] * 9))
    void = observation({"valueInteger": 9}, status="entered-in-error")

    assert rows(*read(bundle(given, void)), "submitted_total") == [(None,)]


def test_a_total_in_an_extension_the_yaml_names_is_submitted(read, rows):
    url = "http://clinic.example/total"
    given = response(phq9(*[1] * 9), extension=[{"url": url, "valueInteger": 9}])
    config = clinic(total_extensions={url: "total"})

    assert rows(*read(given, config=config), "submitted_total") == [("9",)]


# ------------------------------------------------------------------ who and when


@pytest.mark.parametrize(
    ("reference", "client"),
    [
        ({"reference": "Patient/p1"}, "p1"),
        ({"reference": "https://ehr.example/fhir/Patient/p1"}, "p1"),
        ({"reference": "Patient/p1/_history/3"}, "p1"),
        ({"reference": "urn:uuid:1"}, "inside"),
        ({"identifier": {"system": "urn:mrn", "value": "M7"}}, "M7"),
        ({"reference": "#me"}, "M9"),
        # what holds inside one Bundle only, or is no patient, is nobody
        ({"reference": "urn:uuid:99"}, None),
        ({"reference": "Group/p1"}, None),
        ({"reference": "#you"}, None),
        ({"display": "Canary"}, None),
        (None, None),
    ],
)
def test_the_subject_becomes_the_client(read, rows, reference, client):
    inside = {"resourceType": "Patient", "id": "inside", "identifier": [
        {"system": "urn:mrn", "value": "M1"}]}  # fmt: skip
    me = {"resourceType": "Patient", "id": "me", "identifier": [
        {"system": "urn:mrn", "value": "M9"}]}  # fmt: skip
    given = response(phq9(*[1] * 9, total=9), subject=reference, contained=[me])
    (source,) = read(bundle(given, inside))

    assert rows(source, "client_id") == [(client,)]
    assert ("unresolved" in notes(source)) == (client is None)


@pytest.mark.parametrize(
    ("reference", "client"),
    [
        ({"reference": "Patient/inside"}, "M1"),
        ({"reference": "urn:uuid:1"}, "M1"),
        ({"reference": "#me"}, "M9"),
        ({"identifier": {"system": "urn:mrn", "value": "M7"}}, "M7"),
        ({"identifier": {"system": "urn:other", "value": "M7"}}, None),
        ({"reference": "Patient/other"}, None),
        ({"reference": "Patient/elsewhere"}, None),
    ],
)
def test_a_configured_identifier_is_the_client_or_nobody_is(read, rows, reference, client):
    """An id of the server never stands in for the identifier that was asked for."""
    inside = {"resourceType": "Patient", "id": "inside", "identifier": [
        {"system": "urn:other", "value": "X"}, {"system": "urn:mrn", "value": "M1"}]}  # fmt: skip
    me = {"resourceType": "Patient", "id": "me", "identifier": [
        {"system": "urn:mrn", "value": "M9"}]}  # fmt: skip
    other = {"resourceType": "Patient", "id": "other"}
    given = response(phq9(*[1] * 9, total=9), subject=reference, contained=[me])
    (source,) = read(bundle(given, inside, other), config=clinic(client_identifier="urn:mrn"))

    assert rows(source, "client_id") == [(client,)]


def test_the_encounter_is_the_session_and_names_the_therapist(read, rows):
    encounter = {"resourceType": "Encounter", "id": "e1", "participant": [
        {"individual": {"reference": "Practitioner/t1"}}]}  # fmt: skip
    given = response(phq9(*[1] * 9, total=9), encounter={"reference": "Encounter/e1"},
                     author={"reference": "Practitioner/nurse"})  # fmt: skip
    (source,) = read(encounter, given)

    assert rows(source, "session_id", "therapist_id", "author_id", "answered_by") == [
        ("e1", "t1", "nurse", "Practitioner")
    ]


@pytest.mark.parametrize(
    ("period", "moment"),
    [
        ({"start": "2026-07-01T09:00:00+02:00", "end": "2026-07-01T10:00:00+02:00"},
         "2026-07-01 09:00:00+02:00"),
        ({"end": "2026-07-01"}, "2026-07-01"),
        ({}, None),
        ("canary", None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("key", ["period", "actualPeriod"])
def test_a_response_without_a_time_has_its_encounters(read, rows, period, moment, key):
    encounter = {"resourceType": "Encounter", "id": "e1", key: period}
    unsaid = response(phq9(*[1] * 9), encounter={"reference": "Encounter/e1"})
    del unsaid["authored"]
    said = response(phq9(*[1] * 9), id="r2", encounter={"reference": "Encounter/e1"})

    (source,) = read(encounter, unsaid, said)

    assert rows(source, "completed_at") == [(moment,), ("2026-07-01 09:10:00+02:00",)]
    assert ("by_encounter" in notes(source)) is (moment is not None)


def test_an_encounter_of_two_practitioners_names_no_therapist(read, rows):
    both = [{"individual": {"reference": f"Practitioner/t{n}"}} for n in (1, 2)]
    encounter = {"resourceType": "Encounter", "id": "e1", "participant": both}
    given = response(phq9(*[1] * 9, total=9), encounter={"reference": "Encounter/e1"})

    assert rows(*read(encounter, given), "session_id", "therapist_id") == [("e1", None)]


@pytest.mark.parametrize(
    ("authored", "moment"),
    [
        ("2026-07-01T09:10:00+02:00", "2026-07-01 09:10:00+02:00"),
        ("2026-07-01T00:30:00+02:00", "2026-07-01 00:30:00+02:00"),
        ("2026-07-01T09:10:00Z", "2026-07-01 09:10:00+00:00"),
        ("2026-07-01", "2026-07-01"),
        ("2026-07-01T09:10:00", "2026-07-01 09:10:00"),
        ("2026-07", "unreadable time"),
        ("2026", "unreadable time"),
        ("canary", "unreadable time"),
        ("2026-13-01T09:10:00Z", "unreadable time"),
        ("0001-01-01T00:00:00+14:00", "unreadable time"),
        (None, None),
    ],
)
def test_times_keep_their_offset_and_half_a_date_is_none(read, rows, authored, moment):
    given = response(phq9(*[1] * 9, total=9), authored=authored)

    assert rows(*read(given), "completed_at") == [(moment,)]


@pytest.mark.parametrize("status", ["in-progress", "stopped", "entered-in-error", "canary", None])
def test_responses_that_are_not_completed_are_left_out_and_counted(read, rows, status):
    done = response(phq9(*[1] * 9, total=9))
    (source,) = read(done, response(phq9(*[2] * 9, total=18), status=status))

    assert rows(source, "item_1") == [("1",)]
    assert notes(source)["skipped_rows"] == "1 response of another status left out"


def test_unfinished_responses_are_read_if_the_yaml_says_so(read, rows):
    config = clinic(statuses=["completed", "in-progress"])
    given = response(phq9(*[1] * 9, total=9), status="in-progress")

    assert rows(*read(given, config=config), "item_1") == [("1",)]


def test_stu3_is_read_and_noted(read, rows):
    given = response(phq9(*[1] * 9, total=9), questionnaire={"reference": "Questionnaire/mood"},
                     context={"reference": "Encounter/e1"})  # fmt: skip
    (source,) = read(given)

    assert rows(source, "session_id", "item_1") == [("e1", "1")]
    assert "STU3" in notes(source)["stu3"]


# ------------------------------------------------------------------ refused


@pytest.mark.parametrize(
    "resource",
    [{"resourceType": "Patient", "id": "canary"}, bundle(), {"resourceType": "Bundle", "entry": 1}],
)
def test_a_file_without_responses_is_refused(read, resource):
    with pytest.raises(FileRefused, match="no QuestionnaireResponse") as refusal:
        read(resource)
    assert refusal.value.code == "F06"


def test_a_companion_explains_and_is_no_export(read, rows, tmp_path):
    (tmp_path / "Questionnaire-mood.json").write_text(json.dumps(MOOD), encoding="utf-8")
    config = clinic(FEED, companions=["Questionnaire-*"])

    assert rows(*read(mood(local("m.1", "some")), config=config), "m.1") == [("1",)]
    assert config.is_dictionary("Questionnaire-mood.json")
    assert not config.is_export("Questionnaire-mood.json")


def test_a_broken_companion_is_named(read, tmp_path):
    (tmp_path / "Questionnaire-mood.json").write_text('{"canary": ', encoding="utf-8")
    config = clinic(FEED, companions=["Questionnaire-*"])

    with pytest.raises(FileRefused, match=r"Questionnaire-mood\.json, which explains") as refusal:
        read(mood(local("m.1", "some")), config=config)
    assert refusal.value.code == "F08"
    assert "canary" not in str(refusal.value)


def test_nothing_but_responses_of_other_statuses_is_refused(read):
    with pytest.raises(FileRefused, match="None of 1 response") as refusal:
        read(response(phq9(*[1] * 9), status="stopped"))
    assert refusal.value.code == "F06"


# ------------------------------------------------------------------ real


@pytest.mark.real
@pytest.mark.parametrize("companions", [[], ["Questionnaire-*"], ["Questionnaire-*", "Obs*"]])
def test_us_core_phq9(con, tmp_path, real_data, registry, rows, companions):
    """../shared/data/README.md: items 2,2,2,2,1,1,2,0,0 = 12 = the stored total."""
    for file in (real_data / "fhir" / "us_core").iterdir():
        shutil.copy(file, tmp_path)
    (source,) = read_export(
        tmp_path / "QuestionnaireResponse-phq-9-example.json",
        clinic(companions=companions),
        con=con,
        scratch=tmp_path,
        registry=registry,
    )
    (row,) = rows(source, *ITEMS, "submitted_total", "client_id", "completed_at")

    assert row == (*"222211200", "12", "example", "2022-11-29 20:50:32.718000+00:00")
    assert sum(map(int, row[:9])) == 12


@pytest.mark.real
def test_us_core_observation_alone_gives_the_stored_total(con, tmp_path, real_data, registry, rows):
    """The total item is taken out of the response; the Observation beside it still has it."""
    folder = real_data / "fhir" / "us_core"
    shutil.copy(folder / "Observation-PHQ9-item-example-44261-6.json", tmp_path)
    given = json.loads((folder / "QuestionnaireResponse-phq-9-example.json").read_text("utf-8"))
    given["item"] = [item for item in given["item"] if "44261-6" not in item["linkId"]]
    (tmp_path / "e.json").write_text(json.dumps(given), encoding="utf-8")
    config = clinic(companions=["Observation-*"])
    (source,) = read_export(
        tmp_path / "e.json", config, con=con, scratch=tmp_path, registry=registry
    )

    assert rows(source, "submitted_total") == [("12",)]


def test_the_examples_of_the_docs_page_are_a_valid_yaml(tmp_path):
    page = (ROOT / "docs/formats/fhir.md").read_text(encoding="utf-8")
    head, feeds = (part.split("```")[0] for part in page.split("```yaml\n")[1:3])
    path = tmp_path / "harbor.yml"
    path.write_text(head + feeds, encoding="utf-8")
    config = read_clinic_yaml(path)

    assert config.fhir.client_identifier == "urn:oid:2.16.578.1.12.4.1.4.1"
    assert [len(config.feeds_for("e.ndjson", form)) for form in ("phq9", config.feeds[0].form)] == [
        1,
        1,
    ]
