"""A draft says which column puts a client's rows in order: live without dates, else a comment."""

from __future__ import annotations

import re

import pytest
import yaml

from pipeline.home import REPOSITORY
from transforms.clinics.clinic import Clinic
from transforms.drafting.inspect import inspect_file
from transforms.drafting.yaml_text import draft_text
from transforms.instruments.registry import load_registry


@pytest.fixture(scope="module")
def registry():
    return load_registry(REPOSITORY / "config" / "instruments")


@pytest.fixture
def draft(tmp_path, con, registry):
    """Draft the YAML of a file; its only feed, as YAML and as text."""

    def run(names: list[str], rows: list[list]) -> tuple[dict, str]:
        path, scratch = tmp_path / "export.csv", tmp_path / "scratch"
        scratch.mkdir(exist_ok=True)
        lines = "\n".join(",".join(map(str, line)) for line in [names, *rows])
        path.write_text(lines, encoding="utf-8")
        text = draft_text(inspect_file(path, "fjord", registry, con=con, scratch=scratch).draft)
        content = yaml.safe_load(text)
        Clinic.model_validate(content)
        (feed,) = content["feeds"]
        return feed, text

    return run


PHQ9 = [f"phq9_{n}" for n in range(1, 10)]


def rows(order: list, *more: str) -> list[list]:
    """Two clients, each with every value of the order, and nine answers."""
    return [
        [client, value, *more, *[at % 4] * 9]
        for client in ("k1", "k2")
        for at, value in enumerate(order)
    ]


NAMES = [
    "Sitzung", "Sitzungsnr.", "Sitzungsnummer", "séance", "N° séance", "session_no", "SessionNo",
    "sesión", "sessão", "sessie", "occasion", "week", "Woche", "semaine", "semana", "uke", "day",
    "day_offset", "days_since_start", "Tag", "visit", "Visite", "Messzeitpunkt", "time point",
    "wave", "study week",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_without_a_date_the_order_is_drafted_with_its_reason(draft, name):
    feed, text = draft(["client_id", name, *PHQ9], rows([1, 2, 3]))

    assert feed["order"] == name
    assert re.search(rf"# CHECK: order is {re.escape(name)}: by its name; no column holds", text)
    assert feed["set"]["completed_at"] == "YYYY-MM-DD"


@pytest.mark.parametrize("name", ["Sitzung", "session_no", "Woche"])
def test_beside_a_date_the_order_is_a_comment(draft, name):
    given = rows([1, 2, 3], "")
    dated = [[*row[:2], f"2026-05-0{row[1]}", *row[3:]] for row in given]

    feed, text = draft(["client_id", name, "Datum", *PHQ9], dated)

    assert "order" not in feed
    assert f"  #   order: {name}".replace("#   ", "  # ") in text
    assert "CHECK: Datum orders the rows" in text


def test_a_date_that_is_the_same_in_every_row_orders_nothing(draft):
    """The day of the export."""
    feed, text = draft(["client_id", "week", "date", *PHQ9], rows([1, 2, 3], "2026-05-01"))

    assert feed["order"] == "week"
    assert "date is the same in every row" in text


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        (["V1", "V2", "V10"], {"V1": "0", "V2": "1", "V10": "2"}),
        (["pre", "mid", "post"], {"pre": "0", "mid": "1", "post": "2"}),
        (["Baseline", "Woche 4", "Katamnese"], {"Baseline": "0", "Woche 4": "1", "Katamnese": "2"}),
        (["T0", "T1", "follow-up"], {"T0": "0", "T1": "1", "follow-up": "2"}),
    ],
)
def test_visit_codes_become_numbers(draft, codes, expected):
    feed, _ = draft(["client_id", "visit", *PHQ9], rows(codes))

    assert feed["order"] == "visit"
    assert feed["values"] == {"occasion": expected}


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("visit", ["V1", "canary", "V3"]),  # not all are codes
        ("week", [3, 3, 3]),  # the same in every row
        ("session_no", [1.5, 2.5, 3.5]),  # no whole numbers
        ("weekday", [1, 2, 3]),
        ("session", [10001, 10002, 10003]),  # beyond what an occasion may be
        ("mood_week", [1, 2, 3]),
    ],
)  # fmt: skip
def test_what_is_no_order_is_not_drafted_as_one(draft, name, values):
    feed, text = draft(["client_id", name, *PHQ9], rows(values))

    assert "order" not in feed
    assert "canary" not in text


def test_a_number_of_every_row_is_no_order(draft):
    """Twelve rows numbered through, beside a week."""
    given = [[client, at, at % 6, *[at % 4] * 9] for at, client in enumerate("aabbccddeeff")]

    feed, _ = draft(["client_id", "session", "week", *PHQ9], given)

    assert feed["order"] == "week"


def test_the_session_is_taken_before_the_week(draft):
    given = [[row[0], 2 * row[1], row[1], *row[2:]] for row in rows([1, 2, 3])]

    feed, text = draft(["client_id", "week", "session", *PHQ9], given)

    assert feed["order"] == "session"
    assert "others fit as well" in text


def test_wide_sessions_without_dates_are_in_the_order_of_their_columns(draft):
    numbered, _ = draft(["code", "bdi_s1", "bdi_s2", "bdi_s3"], [["k1", 9, 8, 7], ["k2", 5, 6, 7]])
    in_words, _ = draft(["code", "bdi_pre", "bdi_post"], [["k1", 9, 8], ["k2", 5, 6]])

    assert numbered["order"] == in_words["order"] == "_session"
    assert "values" not in numbered
    assert in_words["values"] == {"occasion": {"pre": "0", "post": "1"}}


def test_wide_sessions_with_dates_have_it_as_a_comment(draft):
    names = [name for n in (1, 2, 3) for name in (f"bdi_s{n}", f"date_s{n}")]
    feed, text = draft(
        ["code", *names], [[k, *[9, "2026-05-01", 8, "2026-05-08", 7, "2026-05-15"]] for k in "ab"]
    )

    assert "order" not in feed
    assert "# order: _session" in text


def test_a_row_per_answer_has_its_order_in_the_key(draft):
    """Without a date two sessions of a client would be one response."""
    given = [[client, week, f"PHQ{n}", n % 4] for client in "ab" for week in (1, 2)
             for n in range(1, 10)]  # fmt: skip

    feed, _ = draft(["paciente", "semana", "pregunta", "respuesta"], given)

    assert feed["order"] == "semana"
    assert feed["long"] == {"key": ["paciente", "semana"], "item": "pregunta",
                            "value": "respuesta", "items": "PHQ{n}"}  # fmt: skip
    assert feed["set"]["instrument"] == "phq9"
