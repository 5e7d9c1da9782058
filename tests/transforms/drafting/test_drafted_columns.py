"""A draft maps what a person would: clients and no row numbers, questionnaires and no guesses."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import yaml

from pipeline.home import REPOSITORY
from tests.transforms.drafting.comment_marks import taken_off
from transforms.drafting import words
from transforms.drafting.column_profiles import profiles
from transforms.drafting.evidence import Evidence
from transforms.drafting.inspect import inspect_file
from transforms.drafting.yaml_text import draft_text
from transforms.formats.source import Source
from transforms.instruments.definition import Instrument
from transforms.instruments.registry import load_registry


@pytest.fixture(scope="module")
def registry():
    return load_registry(REPOSITORY / "config" / "instruments")


@pytest.fixture
def draft(tmp_path, con, registry):
    """Write a file and draft its YAML; return the text and the guesses by what they are about."""

    def run(content: str, name: str = "export.csv") -> tuple[str, dict]:
        scratch = tmp_path / "scratch"
        scratch.mkdir(exist_ok=True)
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        found = inspect_file(path, "fjord", registry, con=con, scratch=scratch)
        return draft_text(found.draft), {one.what: one for one in found.guesses}

    return run


def items(stem: str, n: int) -> list[str]:
    return [f"{stem}{number}" for number in range(1, n + 1)]


def table(names: list[str], rows: list[list]) -> str:
    lines = [names, *rows]
    return "\n".join(",".join(map(str, line)) for line in lines) + "\n"


def feeds_of(text: str) -> list[dict]:
    return yaml.safe_load(text).get("feeds") or []


HEADERS = [
    ("Klient-Nr.", "Behandler/in", "Sitzungsnummer", "Ausfülldatum"),
    ("Pat. ID", "Therapeutin", "Termin-Nr.", "Datum"),
    ("N° dossier", "Thérapeute", "N° séance", "Date de remplissage"),
    ("Code patient", "psychologue", "séance", "date"),
    ("Cliëntnummer", "Behandelaar", "Sessienummer", "Datum ingevuld"),
    ("Pasient-nr", "Terapeut", "Konsultasjon nr", "Dato utfylt"),
    ("Klientnummer", "behandlare", "Samtal", "Datum"),
    ("ID paciente", "Terapeuta", "N.º sesión", "Fecha"),
    ("Código do utente", "psicóloga", "sessão", "Data"),
    ("PatientID", "ClinicianID", "SessionNo", "CompletedDate"),
    ("USUBJID", "therapist.id", "visit_number", "date"),
]


@pytest.mark.parametrize("names", HEADERS)
def test_columns_are_known_in_the_languages_clinics_write(draft, names):
    client, therapist, session, day = names
    header = ["Nr.", "STUDYID", *names, "Sexe/Geschlecht", *items("PHQ9_", 9)]
    rows = [[n, "S7", f"K{n // 2}", "T1", n % 2, f"2026-05-0{n + 1}", "f", *[n % 4] * 9]
            for n in range(6)]  # fmt: skip

    text, _ = draft(table(header, rows))

    (feed,) = feeds_of(text)
    assert feed["set"]["instrument"] == "phq9"
    mapped = {key: value for key, value in feed["columns"].items() if key != "response_id"}
    assert mapped == {"client_id": client, "therapist_id": therapist, "session_id": session,
                      "completed_at": day}  # fmt: skip


@pytest.mark.parametrize("name", ["STUDYID", "study_id", "site", "Zentrum", "alder", "gender"])
def test_a_study_or_a_trait_is_no_client(draft, name):
    header = [name, "day", *items("gad7_", 7)]
    rows = [[n % 2, "2026-05-01", *[n % 4] * 7] for n in range(6)]

    text, guesses = draft(table(header, rows))

    assert guesses["client_id"].value == "-"
    assert "client_id: CHANGE_ME" in text


@pytest.mark.parametrize(("ids", "is_client"), [("aabbcc", True), ("abcdef", False)])
def test_a_number_of_every_row_is_a_response(draft, ids, is_client):
    header = ["id", "day", *items("gad7_", 7)]
    rows = [[one, "2026-05-01", *[n % 4] * 7] for n, one in enumerate(ids)]

    text, _ = draft(table(header, rows))

    (feed,) = feeds_of(text)
    expected = {"client_id": "id"} if is_client else {"client_id": "CHANGE_ME", "response_id": "id"}
    assert feed["columns"] == expected | {"completed_at": "day"}
    assert ("differs in every row" in text) is not is_client


def test_limesurveys_response_id_is_no_client_but_the_access_code_is(draft):
    header = ["Response ID", "Date submitted", "Last page", "Start language", "{}", "A [x]", "B"]
    rows = [[n, "2026-01-05 10:00:00", 2, "de", "canary", n % 2, n] for n in (1, 2, 3)]

    with_token, _ = draft(table([one.format("Token") for one in header], rows))
    without, _ = draft(table([one.format("Mood") for one in header], rows))

    with_token, without = taken_off(with_token), taken_off(without)
    assert feeds_of(with_token)[0]["columns"]["client_id"] == "token"
    assert feeds_of(with_token)[0]["columns"]["response_id"] == "id"
    assert feeds_of(without)[0]["columns"]["client_id"] == "CHANGE_ME"
    assert "no column names the client" in without
    for text in (with_token, without):
        assert "canary" not in text
        assert "lastpage" not in str(feeds_of(text))


DICTIONARY = """\
Variable / Field Name,Form Name,Section Header,Field Type,Field Label,"Choices, Calculations, OR Slider Labels"
kuerzel_x,{form},,text,Record,
{items}
when,{form},,text,Day,
"""  # noqa: E501


def redcap(folder: Path, form: str, names: list[str], label: str = "Question") -> str:
    """Write a dictionary; return an export of five rows with answers from 0 to 3."""
    fields = "\n".join(f'{name},{form},,radio,{label},"0, a | 3, b"' for name in names)
    (folder / "p_DataDictionary_1.csv").write_text(DICTIONARY.format(form=form, items=fields))
    rows = [[f"r{n}", *[n % 4] * len(names), "2026-01-05", 2] for n in range(5)]
    return table(["kuerzel_x", *names, "when", f"{form}_complete"], rows)


def test_redcaps_record_id_is_the_dictionarys_first_field(draft, tmp_path):
    text, guesses = draft(redcap(tmp_path, "phq", items("phq9_", 9)), "p_DATA_1.csv")

    (feed,) = feeds_of(text)
    assert feed["columns"]["client_id"] == "kuerzel_x"
    assert feed["set"]["instrument"] == "phq9"
    assert guesses["phq: client_id"].confidence == "high"


@pytest.mark.parametrize(
    ("form", "stem", "label", "other"),
    [
        ("epds", "q", "Question", "epds"),
        ("mood", "epds_", "Question", "epds"),
        ("mood", "q", "CPIB item", "cpib"),
    ],
)
def test_a_form_a_stem_or_a_label_that_names_another_questionnaire_is_a_veto(
    draft, tmp_path, form, stem, label, other
):
    """Eight answers from 0 to 3 fit PHQ-8 by count and range."""
    text, _ = draft(redcap(tmp_path, form, items(stem, 8), label), "p_DATA_1.csv")

    assert feeds_of(text) == []
    (feed,) = feeds_of(taken_off(text))
    assert feed["set"]["instrument"] == "CHANGE_ME"
    assert f"the name is that of another questionnaire, {other}," in text
    assert "phq8" not in text


def test_a_form_may_name_the_questionnaire_its_items_do_not(draft, tmp_path):
    text, _ = draft(redcap(tmp_path, "phq9", items("item", 9)), "p_DATA_1.csv")

    assert feeds_of(text)[0]["set"]["instrument"] == "phq9"


@pytest.mark.parametrize(
    ("stem", "is_low"), [("zora_", True), ("cesd", False), ("CES-D ", False), ("pcl5_", None)]
)
def test_a_guess_by_count_and_range_stays_a_comment(draft, stem, is_low):
    """Twenty answers from 1 to 4 fit PCL-5 alone, which goes from 0 to 4."""
    header = ["client_id", "day", *items(stem, 20)]
    rows = [[f"c{n % 3}", "2026-05-01", *[1 + n % 4] * 20] for n in range(8)]

    text, _ = draft(table(header, rows))

    live = feeds_of(text)
    if is_low is None:
        assert live[0]["set"]["instrument"] == "pcl5"
    else:
        assert live == []
        assert ("perhaps pcl5" in text) is is_low
        assert "instrument: CHANGE_ME" in text


@pytest.mark.parametrize(
    ("stem", "n", "low", "high", "instrument"),
    [("ARM", 12, 1, 7, "arm"), ("WSAS_", 5, 0, 8, "wsas")],
)
def test_a_questionnaires_name_is_no_trait_of_a_person(draft, stem, n, low, high, instrument):
    """ARM is an alliance measure as well as a group of a trial."""
    header = ["client_id", "day", *items(stem, n)]
    rows = [[f"c{at}", "2026-05-01", *[(low, high)[at % 2]] * n] for at in range(8)]

    text, _ = draft(table(header, rows))

    assert [one["set"]["instrument"] for one in feeds_of(text)] == [instrument]


@pytest.mark.parametrize("stem", ["education", "Geschlecht_", "site_", "taille"])
def test_traits_are_no_items_however_they_are_numbered(draft, stem):
    """Five columns from 0 to 8 fit WSAS by count and range."""
    header = ["client_id", "day", *items(stem, 5)]
    rows = [[f"c{at}", "2026-05-01", *[8 * (at % 2)] * 5] for at in range(8)]

    text, _ = draft(table(header, rows))

    assert feeds_of(text) == []
    assert f"about a person or the study, left out: {stem}1" in text


def test_one_slip_of_the_pen_takes_no_name_away(draft):
    """A single 7 among the answers of a PHQ-9; half of them outside its range are another form."""
    header = ["client_id", "day", *items("phq9_", 9)]
    rows = [[f"c{n}", "2026-05-01", *[n % 4] * 9] for n in range(20)]

    one, _ = draft(table(header, [[*rows[0][:-1], 7], *rows[1:]]))
    many, _ = draft(table(header, [[*row[:2], *[4] * 9] for row in rows]))

    assert feeds_of(one)[0]["set"]["instrument"] == "phq9"
    assert "1 answer of 180 outside 0 to 3" in one
    assert feeds_of(many) == []


@pytest.mark.real
def test_reversed_items_tell_questionnaires_of_one_size_apart(con, real_data, registry, tmp_path):
    """Alphas: ../shared/data/README.md. Four questionnaires have ten items from 0 to 4."""
    path = real_data / "google_forms" / "Psychological_aspects.csv"
    con.execute(f"create temp table answers as from read_csv('{path}', all_varchar = true)")
    con.execute("delete from answers where S1 is null")
    evidence = Evidence(con, Source(None, "answers", (), 223))
    columns = items("S", 10)

    assert evidence.alpha(columns, ()) == pytest.approx(0.753504, abs=1e-6)
    assert evidence.alpha(columns, (4, 5, 7, 8)) == pytest.approx(0.833946, abs=1e-6)

    found = inspect_file(path, "fjord", registry, con=con, scratch=tmp_path)
    text = draft_text(found.draft)
    assert "perhaps pss10" in text
    assert "perhaps phq9" in text
    assert "# feeds:" in text


def test_a_named_questionnaire_whose_key_does_not_fit_is_doubted(draft):
    """All ten items of this PSS-10 rise together: reversed ones were turned already, or moved."""
    chance = random.Random(3)
    header = ["client_id", "day", *items("pss10_", 10)]
    levels = [chance.randrange(5) for _ in range(60)]
    rows = [[f"c{n}", "2026-05-01", *[min(4, max(0, level + chance.randint(-1, 1)))
             for _ in range(10)]] for n, level in enumerate(levels)]  # fmt: skip
    turned = [[*row[:2], *(4 - one if at in (4, 5, 7, 8) else one
               for at, one in enumerate(row[2:], 1))] for row in rows]  # fmt: skip

    _, doubted = draft(table(header, rows))
    _, sure = draft(table(header, turned))

    assert doubted["items pss10_"].confidence == "medium"
    assert "without its reversed ones" in doubted["items pss10_"].reason
    assert sure["items pss10_"].confidence == "high"


def test_every_column_is_named_with_what_becomes_of_it(draft):
    header = ["client_id", "Vorname", "E-Mail", "day", *items("phq9_", 9), "alter", "Erschienen",
              "extra", "nothing", "extra", ""]  # fmt: skip
    rows = [[f"c{n % 2}", "canary", "canary@example.org", "2026-05-01", *[n % 4] * 9, 30, "ja",
             f"x{n}", "", 7, n] for n in range(6)]  # fmt: skip

    text, _ = draft(table(header, rows))

    report = text.partition("# All 19 columns:")[2]
    said = " ".join(report.replace("#  ", "").split())
    assert said == (
        "used: client_id, day, phq9_1, phq9_2, phq9_3, phq9_4, phq9_5, phq9_6, phq9_7, phq9_8, "
        "phq9_9 attendance, perhaps: for a feed of sessions: Erschienen about a person or the "
        "study, left out: Vorname, E-Mail, alter empty: nothing not understood, left out: extra#1 "
        "(6 distinct), extra#2 (1 distinct), column 19 (6 distinct)"
    )
    assert "canary" not in text


def test_two_columns_of_one_name_are_scores_to_choose_from(draft):
    header = ["pid", "session", "raw_score", "note", "raw_score"]

    text, _ = draft(table(header, [[1, 1, 10, "a", 12], [1, 2, 9, "b", 11]]))

    assert feeds_of(text) == []
    for number in (1, 2):
        assert f'#    submitted: {{total: "raw_score#{number}"}}' in text


SETS = [
    ("Not at all", "Several days", "More than half the days", "Nearly every day"),
    ("überhaupt nicht", "an einzelnen Tagen", "an mehr als der Hälfte der Tage",
     "beinahe jeden Tag"),
    ("Jamais", "Plusieurs jours", "Plus de la moitié du temps", "Presque tous les jours"),
    ("helemaal niet", "verscheidene dagen", "meer dan de helft van de dagen", "bijna elke dag"),
    ("Slet ikke", "Flere dage", "Mere end halvdelen af dagene", "Næsten hver dag"),
    ("Ikke i det hele tatt", "Noen dager", "Mer enn halvparten av dagene", "Nesten hver dag"),
    ("Inte alls", "Flera dagar", "Mer än hälften av dagarna", "Nästan varje dag"),
    ("Nunca", "Varios días", "Más de la mitad de los días", "Casi todos los días"),
    ("Nenhuma vez", "Vários dias", "Mais da metade dos dias", "Quase todos os dias"),
]  # fmt: skip


@pytest.mark.parametrize("texts", SETS)
def test_texts_of_a_known_response_set_are_mapped(draft, texts):
    header = ["client_id", "day", *items("PHQ9_", 9)]
    rows = [[f"c{n % 2}", "2026-05-01", *[texts[n % 4]] * 9] for n in range(4)]

    text, _ = draft(table(header, rows))

    (feed,) = feeds_of(text)
    assert feed["values"] == {"items": {one: str(code) for code, one in enumerate(texts)}}


def test_other_texts_are_not_shown(draft):
    """One cell that is in no set, and none is mapped."""
    header = ["client_id", "day", *items("PHQ9_", 9)]
    rows = [[f"c{n % 2}", "2026-05-01", *[SETS[0][n % 4]] * 9] for n in range(4)]

    text, _ = draft(table(header, [*rows, [*rows[0][:-1], "canary"]]))

    assert "canary" not in text
    assert "Nearly every day" not in text
    assert "map each to its code" in text


@pytest.mark.parametrize(
    ("code", "highest", "is_proposed"),
    [("-99", 3, True), ("999", 3, True), ("99", 3, True), ("#NULL!", 3, True), (".", 3, True),
     ("99", 98, False), ("-9", -8, False)],
)  # fmt: skip
def test_codes_that_look_like_missing_are_proposed(draft, code, highest, is_proposed):
    """Not where the other numbers come near."""
    header = ["client_id", "day", *items("phq9_", 9)]
    low = min(0, highest)
    rows = [[f"c{n}", "2026-05-01", *[(low, highest)[n % 2]] * 9] for n in range(30)]

    text, guesses = draft(table(header, [*rows, [*rows[0][:-1], code]]))

    assert (f'missing_codes: ["{code}"]' in text) is is_proposed
    if is_proposed:
        assert guesses["items phq9_"].confidence == "high"


@pytest.mark.parametrize(
    ("names", "sessions", "rest"),
    [
        (["bdi_s1", "bdi_s2", "bdi_s3", "bdi_fu1"], ["s1", "s2", "s3", "fu1"], ""),
        (["bdi_s3", "bdi.S4", "wk5bdi", "bdi_weekSix", "bdi_intake"],
         ["_intake", "_s3", ".S4", "_weekSix"], "wk5bdi"),
        (["bdi_intake", "bdi_follow-up", "bdi_Sitzung2"],
         ["intake", "Sitzung2", "follow-up"], ""),
        (["BDI.Woche1", "BDI.Woche2", "BDI.Katamnese"], [".Woche1", ".Woche2", ".Katamnese"], ""),
    ],
)  # fmt: skip
def test_sessions_in_any_spelling_are_all_there_or_named(draft, names, sessions, rest):
    text, _ = draft(
        table(["code", *names], [["k1", *range(len(names))], ["k2", *range(len(names))]])
    )

    (feed,) = feeds_of(text)
    assert feed["set"]["instrument"] == "bdi2"
    assert feed["wide"]["sessions"] == sessions
    assert ("spelled otherwise: " + rest in text) is bool(rest)
    assert all(one in text for one in names)


def test_the_days_of_sessions_in_words_are_found(draft):
    names = [name for one in ("s1", "s2", "fu1") for name in (f"bdi_{one}", f"date_{one}")]

    text, _ = draft(table(["code", *names], [["k1", *[9, "2026-05-01"] * 3]]))

    assert feeds_of(text)[0]["wide"]["per_session"] == {"date": "date_{session}"}


def test_a_questionnaire_nobody_knows_is_drafted_as_a_second_yaml(draft):
    """What stands in the comments is a definition once its gaps are filled."""
    header = ["client_id", "day", *items("zuf_", 8)]
    rows = [[f"c{n}", "2026-05-01", *[1 + n % 5] * 8] for n in range(9)]

    text, _ = draft(table(header, rows))

    marked = text.partition("without the marks:\n")[2]
    drafted = yaml.safe_load("\n".join(line[2:] for line in marked.splitlines()))
    assert drafted["instrument_id"] == "zuf"
    assert drafted["items"]["n"] == 8
    assert (drafted["items"]["min"], drafted["items"]["max"]) == (1, 5)
    assert drafted["items"]["reverse"] == drafted["better"] == "CHANGE_ME"
    filled = drafted | {"family": "outcome", "better": "higher"}
    filled["items"] = filled["items"] | {"reverse": [3]}
    assert Instrument.model_validate(filled).score_range("total") == (8, 40)


def test_columns_are_profiled_by_one_query(con):
    """However many there are: two minutes for a thousand columns were a query each hundred."""
    asked = []

    class Counting:
        def execute(self, query: str, parameters: list):
            asked.append(query)
            return con.execute(query, parameters)

    n = 1000
    columns = ", ".join(f"'{at % 4}' as c{at}" for at in range(n))
    con.execute(f"create temp table wide as select {columns}")

    found = profiles(Counting(), Source(None, "wide", tuple(f"c{at}" for at in range(n)), 1))

    assert len(asked) == 1
    assert [one.high for one in found[:5]] == [0, 1, 2, 3, 0]
    assert len(found) == n


@pytest.mark.parametrize(
    ("name", "expected"),
    [("bdi_s3", (1, 3)), ("bdi.S3", (1, 3)), ("wk2bdi", (1, 2)), ("bdi_weekSix", (1, 6)),
     ("bdi_pre", (0, 0)), ("bdi_post", (2, 0)), ("bdi_fu2", (3, 2)), ("bdi follow-up 3", (3, 3)),
     ("s3", None), ("bdi", None), ("bdi_3", None)],
)  # fmt: skip
def test_the_session_in_a_name(name, expected):
    found = words.session_of(name)

    assert (found and found[1]) == expected
    assert found is None or found[0] == ("bdi",)


def test_a_record_of_each_row_is_the_client_where_sessions_are_columns(draft):
    """In a long file it numbers responses."""
    wide, _ = draft(
        table(["record", "bdi_s1", "bdi_s2", "bdi_s3"], [["r1", 9, 8, 7], ["r2", 1, 2, 3]])
    )
    long, _ = draft(table(["record", "day", *items("gad7_", 7)],
                          [[f"r{n}", "2026-05-01", *[n % 4] * 7] for n in range(6)]))  # fmt: skip

    assert feeds_of(wide)[0]["columns"]["client_id"] == "record"
    assert "# CHECK: client_id is record: each row has its own" in wide
    assert feeds_of(long)[0]["columns"]["client_id"] == "CHANGE_ME"


def test_a_row_per_answer_of_two_questionnaires_in_spanish(draft):
    """The form's column tells them apart; the items are numbers."""
    rows = [
        [client, f"{day}/05/2026", form, number, number % 4]
        for client in ("p1", "p2")
        for day in (13, 20)
        for form, n in (("PHQ-9", 9), ("GAD-7", 7))
        for number in range(1, n + 1)
    ]

    text, _ = draft(
        table(["Código paciente", "Fecha", "Cuestionario", "Pregunta", "Respuesta"], rows)
    )

    found = {feed["set"]["instrument"]: feed for feed in feeds_of(text)}
    assert {name: feed["when"] for name, feed in found.items()} == {
        "phq9": {"Cuestionario": ["PHQ-9"]},
        "gad7": {"Cuestionario": ["GAD-7"]},
    }
    assert found["gad7"]["long"] == {"key": ["Código paciente", "Fecha"], "item": "Pregunta",
                                     "value": "Respuesta"}  # fmt: skip
    assert "not understood" not in text


def test_stems_of_items_codes_are_feeds_of_their_own(draft):
    codes = [*items("PHQ", 9), *items("zora_", 5)]
    rows = [[client, day, code, 1] for client in "ab" for day in ("2026-05-01", "2026-05-08")
            for code in codes]  # fmt: skip

    text, _ = draft(table(["client_id", "date", "item", "value"], rows))

    (live,) = feeds_of(text)
    assert live["set"]["instrument"] == "phq9"
    assert live["long"]["items"] == "PHQ{n}"
    assert live["long"]["ignore"] == items("zora_", 5)
    assert len(feeds_of(taken_off(text))) == 2


@pytest.mark.parametrize("codes", [["canary one", "two"], ["Q1", "canary 2 x"]])
def test_codes_of_items_that_are_no_stem_with_a_number_are_not_shown(draft, codes):
    rows = [[client, "2026-05-01", code, 1] for client in "ab" for code in codes]

    text, _ = draft(table(["client_id", "date", "item", "value"], rows))

    assert "canary" not in text
    assert feeds_of(text) == []
    assert 'items: "CHANGE_ME{n}"' in text


def test_a_total_of_an_unknown_questionnaire_stands_with_its_items(draft):
    header = ["client_id", "day", *items("cesd", 20), "cesd_total"]
    rows = [[f"c{n % 3}", "2026-05-01", *[n % 4] * 20, 20 * (n % 4)] for n in range(8)]

    text, _ = draft(table(header, rows))

    (feed,) = feeds_of(taken_off(text))
    assert feed["submitted"] == {"total": "cesd_total"}


def test_columns_called_by_number_only_are_no_questionnaires_name(draft):
    """QID1, QID2, … may be five forms: no definition is drafted of them."""
    header = ["client_id", "day", *items("QID", 12)]
    rows = [[f"c{n % 3}", "2026-05-01", *[1 + n % 5] * 12] for n in range(8)]

    text, _ = draft(table(header, rows))

    assert feeds_of(text) == []
    assert "instrument_id" not in text
