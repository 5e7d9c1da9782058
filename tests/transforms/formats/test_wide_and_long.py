"""Wide rows (a client with all sessions) and item rows become one row per questionnaire."""

from __future__ import annotations

import csv
import random
from datetime import date, datetime

import pytest

from transforms.clinics.clinic import Clinic
from transforms.clinics.yaml_file import read_clinic_yaml
from transforms.errors import ConfigError, FileRefused
from transforms.intake.column_mapping import mappings_by_table
from transforms.intake.pseudonyms import GroupKey
from transforms.intake.read_file import read_export
from transforms.intake.stage import stage as stage_table

KEY = GroupKey.derive(b"0123456789abcdef0123456789abcdef", "north")
WIDE = {
    "table": "responses",
    "set": {"instrument": "mood", "rater": "client"},
    "wide": {"items": "m_{item}_s{session}", "per_session": {"date": "date_s{session}"}},
    "columns": {
        "client_id": "id",
        "completed_at": "date",
        "session_id": {"join": ["id", "_session"]},
    },
}
WIDE_FILE = """\
id,m_1_s1,m_2_s1,m_1_s2,m_2_s2,date_s1,date_s2,sex
007,1,2,3,0,2026-05-01,2026-05-08,f
008,1,,,-9,2026-05-02,2026-05-09,m
"""
TOTALS = {
    "table": "responses",
    "set": {"instrument": "bdi2", "rater": "client"},
    "wide": {
        "submitted": {"total": "bdi_s{session}"},
        "dates": {"start": "start", "days": 7, "first": 1},
    },
    "columns": {"client_id": "id", "completed_at": "_date"},
}
NONE = ("", "NA")
LONG = {
    "table": "responses",
    "set": {"instrument": "mood", "rater": "client"},
    "long": {"key": ["client", "day"], "item": "question", "value": "answer", "items": "Q{n}"},
    "columns": {"client_id": "client", "completed_at": "day"},
}
LONG_FILE = """\
client,day,question,answer,entered
007,2026-05-01,Q1,1,08:00
007,2026-05-01,Q2,2,08:00
008,2026-05-01,Q1,3,08:00
007,2026-05-08,Q2,0,08:00
007,2026-05-08,Q1,2,08:00
"""


@pytest.fixture
def stage(con, tmp_path):
    """Deliver a file to a clinic with one feed; return its notes and chosen staged columns."""

    def run(
        feed: dict, content: str, *columns: str, name="export.csv", completed="completed_at", **more
    ):
        clinic = Clinic(clinic="harbor", format="delimited", feeds=[feed], **more)
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        scratch = tmp_path / "scratch"
        scratch.mkdir(exist_ok=True)
        sources = read_export(path, clinic, con=con, scratch=scratch)
        ((table, mappings),) = mappings_by_table(clinic, path.name, sources).items()
        out = tmp_path / "staged.parquet"
        stage_table(
            con, table, mappings, clinic, file_id="f", source_file=name,
            received_at=datetime(2026, 12, 1), key=KEY, registry_rows=[], out=out,
            identities=tmp_path / "identities.parquet",
        )  # fmt: skip
        notes = {note.kind: note.text for source in sources for note in source.notes}
        for source in sources:
            source.drop(con)
        assert con.execute("select count(*) from duckdb_tables()").fetchone() == (0,)
        assert list(scratch.iterdir()) == []
        chosen = f"select {', '.join(columns)} from '{out}' order by source_line, {completed}"
        return con.execute(chosen).fetchall(), notes

    return run


def refusal(stage, feed: dict, content: str, **more) -> FileRefused:
    with pytest.raises(FileRefused) as caught:
        stage(feed, content, "*", **more)
    return caught.value


def with_wide(feed: dict = WIDE, **more) -> dict:
    return feed | {"wide": {**feed["wide"], **more}}


def with_long(**more) -> dict:
    return LONG | {"long": {**LONG["long"], **more}}


def test_a_wide_row_gives_a_response_per_session_answered(stage):
    """Line 3 answered nothing but a missing code in session 2: no response."""
    rows, notes = stage(
        WIDE, WIDE_FILE, "completed_at::date", "item_1", "item_2", "source_line", "bad_cells",
        missing_codes=["-9"],
    )  # fmt: skip

    assert rows == [
        (date(2026, 5, 1), 1, 2, 2, None),
        (date(2026, 5, 8), 3, 0, 2, None),
        (date(2026, 5, 2), 1, None, 3, None),
    ]
    assert notes["sessions"] == "2 rows with 2 sessions each; 1 empty session left out"


def test_two_sessions_of_a_row_are_two_responses_with_a_session_each(stage):
    rows, _ = stage(
        WIDE, WIDE_FILE, "response_key", "session_key", "client_key", missing_codes=["-9"]
    )

    assert [len(set(column)) for column in zip(*rows, strict=True)] == [3, 3, 2]


def test_a_wrong_answer_of_a_wide_row_is_a_bad_cell(stage):
    rows, _ = stage(WIDE, WIDE_FILE.replace("-9", "often"), "item_2", "bad_cells")

    assert rows[-1] == (None, ["item_2"])


@pytest.mark.parametrize(
    ("start", "date_format", "expected"),
    [
        ("2026-05-08", [], [date(2026, 5, 1), date(2026, 5, 8), date(2026, 5, 22)]),
        ("08.05.2026", ["%d.%m.%Y"], [date(2026, 5, 1), date(2026, 5, 8), date(2026, 5, 22)]),
    ],
)
def test_session_dates_follow_the_rule(stage, start, date_format, expected):
    """Session 1 lies on the start, one every seven days; session 0 a week before."""
    content = f"id,start,bdi_s0,bdi_s1,bdi_s2,bdi_s3,bdi_fu1\n007,{start},30,28,,21,9\n"

    rows, _ = stage(
        TOTALS, content, "completed_at::date", "submitted_total", date_format=date_format
    )

    assert rows == list(zip(expected, [30, 28, 21], strict=True))


def test_a_start_that_cannot_be_read_is_a_finding(stage):
    rows, _ = stage(TOTALS, "id,start,bdi_s0\n007,in May,30\n", "completed_at", "bad_cells")

    assert rows == [(None, ["completed_at"])]


def test_one_start_for_everyone_only_puts_sessions_in_order(stage):
    feed = with_wide(TOTALS, dates={"on": "2000-01-03", "days": 1, "first": 0})

    rows, _ = stage(feed, "id,bdi_s0,bdi_s1\n007,30,28\n", "completed_at::date", "submitted_total")

    assert rows == [(date(2000, 1, 3), 30), (date(2000, 1, 4), 28)]


def test_sessions_may_be_words_in_their_order(stage):
    feed = with_wide(
        TOTALS,
        submitted={"total": "{session}_bdi"},
        sessions=["pre", "post"],
        dates={"start": "start", "days": 100, "first": 0},
    )

    rows, _ = stage(
        feed, "id,start,post_bdi,pre_bdi,mid_bdi\n7,2026-01-01,9,30,20\n", "submitted_total"
    )

    assert rows == [(30,), (9,)]


def test_every_session_of_every_client_can_be_kept_for_a_feed_of_sessions(stage):
    feed = {
        "table": "sessions",
        "set": {"attendance": "attended"},
        "wide": {
            "per_session": {"total": "bdi_s{session}"},
            "dates": {"start": "start", "days": 7, "first": 1},
            "keep_empty": True,
        },
        "columns": {
            "session_id": {"join": ["id", "_session"]},
            "client_id": "id",
            "therapist_id": "clinician",
            "session_at": "_date",
        },
    }
    content = "id,clinician,start,bdi_s1,bdi_s2\n007,T1,2026-05-01,30,\n"

    rows, notes = stage(feed, content, "session_at::date", completed="session_at")

    assert rows == [(date(2026, 5, 1),), (date(2026, 5, 8),)]
    assert notes["sessions"].endswith("0 empty sessions left out")


def test_declared_sessions_leave_out_the_others(stage):
    rows, _ = stage(with_wide(sessions=["2"]), WIDE_FILE, "item_1", missing_codes=["-9"])

    assert rows == [(3,)]


@pytest.mark.parametrize(
    ("wide", "content", "code", "said"),
    [
        ({"items": "x_{item}_s{session}"}, WIDE_FILE, "F02", "No column fits the pattern x_"),
        ({}, WIDE_FILE.replace("m_2_s2", "m2s2"), "F02", "item_2 of session 2"),
        ({}, WIDE_FILE.replace(",sex", ",m_01_s1"), "F04", "m_1_s1 and m_01_s1 both fit"),
        ({"submitted": {"total": "m_1_s{session}"}}, WIDE_FILE, "F04", "fits two patterns"),
        ({}, WIDE_FILE.replace(",sex", ",item_1"), "F04", "already has 1 column called item_1"),
        ({"dates": {"start": "begin", "days": 7, "first": 1}}, WIDE_FILE, "F02", "begin"),
    ],
)
def test_a_pattern_that_does_not_fit_the_header_refuses_the_file(stage, wide, content, code, said):
    refused = refusal(stage, with_wide(**wide), content)

    assert refused.code == code
    assert said in refused.what


def test_item_rows_become_one_response_each_with_its_first_line(stage):
    rows, _ = stage(LONG, LONG_FILE, "completed_at::date", "item_1", "item_2", "source_line")

    assert rows == [
        (date(2026, 5, 1), 1, 2, 2),
        (date(2026, 5, 1), 3, None, 4),
        (date(2026, 5, 8), 2, 0, 5),
    ]


def test_an_answer_given_twice_counts_once(stage):
    again = "007,2026-05-01,Q1,1.0,08:00\n007,2026-05-01,Q2,,08:00\n"

    rows, _ = stage(LONG, LONG_FILE + again, "item_1", "item_2", "bad_cells")

    assert rows[0] == (1, 2, None)


def test_two_different_answers_to_one_item_are_a_finding_and_no_answer(stage):
    rows, _ = stage(LONG, LONG_FILE + "007,2026-05-01,Q1,3,08:00\n", "item_1", "bad_cells")

    assert rows[0] == (None, ["item_1"])
    assert rows[1] == (3, None)


def test_an_unknown_item_is_a_finding_of_its_response_and_says_where(stage):
    """It stands in the item after the last one; its code, which may be anything, is not shown."""
    content = LONG_FILE + "008,2026-05-01,canary,3,08:00\n"

    rows, notes = stage(LONG, content, "item_1", "item_3", "bad_cells")

    assert rows == [(1, None, None), (3, None, ["item_3"]), (2, None, None)]
    assert notes["unknown_items"] == "1 row with an item nobody declared (line 7)"


def test_an_answer_without_an_item_is_a_finding(stage):
    rows, notes = stage(LONG, LONG_FILE + "008,2026-05-01,,3,08:00\n", "item_3", "bad_cells")

    assert rows == [(None, None), (None, ["item_3"]), (None, None)]
    assert "line 7" in notes["unknown_items"]


@pytest.mark.parametrize(
    ("feed", "content"),
    [(WIDE, WIDE_FILE), (LONG, LONG_FILE), (with_long(items={"Q1": 1}), LONG_FILE)],
)
def test_a_header_without_rows_gives_no_response(stage, feed, content):
    rows, notes = stage(feed, content.splitlines()[0] + "\n", "completed_at")

    assert rows == []
    assert notes["no_rows"] == "a header but no rows"


def test_declared_codes_scores_and_rows_to_ignore(stage):
    content = LONG_FILE.replace("Q1", "SAD").replace("Q2", "TIRED") + (
        "007,2026-05-01,SUM,3,08:00\n009,2026-05-01,NOTE,canary,08:00\n"
    )
    feed = with_long(
        items={"SAD": 1, "TIRED": 2, "ALONE": 3}, submitted={"total": "SUM"}, ignore=["NOTE"]
    )

    rows, notes = stage(feed, content, "item_1", "item_2", "item_3", "submitted_total", "bad_cells")

    assert len(rows) == 3
    assert rows[0] == (1, 2, None, 3, None)
    assert "unknown_items" not in notes


def test_only_rows_of_the_instrument_are_looked_at(stage):
    lines = LONG_FILE.splitlines()
    content = "\n".join(
        [f"{lines[0]},form", *(f"{line},MOOD" for line in lines[1:]), "009,2026-05-01,X7,1,,OTHER"]
    )

    rows, notes = stage(LONG | {"when": {"form": ["MOOD"]}}, content, "item_1")

    assert len(rows) == 3
    assert "unknown_items" not in notes


def test_rows_of_one_response_that_differ_elsewhere_are_counted(stage):
    _, notes = stage(LONG, LONG_FILE.replace("Q2,2,08:00", "Q2,2,09:00"), "item_1")

    assert notes["differing_rows"] == (
        "1 response whose rows differ in entered: the first value is taken"
    )


@pytest.mark.parametrize(
    ("feed", "content", "code", "said"),
    [
        (with_long(item="quest"), LONG_FILE, "F02", "quest (found question)"),
        (with_long(items="PHQ{n}"), LONG_FILE, "F08", "No row has an item"),
        (with_long(items={"PHQ1": 1}), LONG_FILE, "F08", "No row has an item"),
        (LONG, LONG_FILE.replace("entered", "item_1"), "F04", "already has 1 column"),
    ],
)
def test_item_rows_that_do_not_fit_the_yaml_refuse_the_file(stage, feed, content, code, said):
    refused = refusal(stage, feed, content)

    assert refused.code == code
    assert said in refused.what


def test_a_column_of_free_text_instead_of_items_is_refused_without_quoting_it(stage):
    content = "client,day,question,answer\n" + "".join(
        f"007,2026-05-01,canary {n},1\n" for n in range(5_001)
    )

    refused = refusal(stage, LONG, content)

    assert refused.code == "F08"
    assert "canary" not in str(refused)


@pytest.mark.parametrize("seed", range(5))
def test_the_same_answers_come_back_from_both_shapes(stage, seed):
    """Random answers, written wide and as shuffled item rows: what comes back is what was there."""
    chance = random.Random(seed)
    n_items, n_sessions = chance.randint(2, 9), chance.randint(1, 12)
    truth = {
        (f"{client:03}", session): [
            chance.choice(["", *map(str, range(4))]) for _ in range(n_items)
        ]
        for client in range(1, 8)
        for session in range(1, n_sessions + 1)
    }
    places = [(i, s) for i in range(1, n_items + 1) for s in range(1, n_sessions + 1)]
    chance.shuffle(places)
    wide = "id," + ",".join(f"m_{i}_s{s}" for i, s in places) + "\n"
    for client in sorted({client for client, _ in truth}):
        cells = [truth[client, s][i - 1] for i, s in places]
        wide += ",".join([client, *cells]) + "\n"
    day = {s: f"2026-01-{s:02}" for s in range(1, n_sessions + 1)}
    lines = [
        f"{client},{day[s]},Q{i},{answer},x\n"
        for (client, s), answers in truth.items()
        for i, answer in enumerate(answers, 1)
        if answer
    ]
    chance.shuffle(lines)
    rule = {"on": "2026-01-01", "days": 1, "first": 1}
    feed = WIDE | {
        "wide": {"items": "m_{item}_s{session}", "dates": rule},
        "columns": {"client_id": "id", "completed_at": "_date"},
    }
    items = [f"item_{n}" for n in range(1, n_items + 1)]

    from_wide, _ = stage(feed, wide, "client_key", "completed_at::date", *items)
    header = "client,day,question,answer,entered\n"
    from_long, _ = stage(
        with_long(items={f"Q{n}": n for n in range(1, n_items + 1)}), header + "".join(lines),
        "client_key", "completed_at::date", *items,
    )  # fmt: skip

    expected = sorted(
        (client, date(2026, 1, s), *(float(one) if one else None for one in answers))
        for (client, s), answers in truth.items()
        if any(answers)
    )
    expected = [(KEY.pseudonym_of(f"client|{client}"), *rest) for client, *rest in expected]
    assert sorted(map(str, from_wide)) == sorted(map(str, expected))
    assert sorted(map(str, from_long)) == sorted(map(str, expected))


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ("wide: {items: 'phq9_{item}'}", "must hold {item} and {session} once each"),
        ("wide: {items: 'phq9{item}{session}'}", "between the placeholders"),
        ("wide: {}", "needs `items`, `submitted` or `per_session`"),
        ("wide: {itms: 'phq9_{item}_s{session}'}", "Did you mean items"),
        ("wide: {submitted: {total: 'b{session}'}, dates: {days: 7, first: 1}}", "either `start`"),
        ("long: {key: [a], item: b, value: c, items: PHQ}", "write {n} once"),
        ("long: {key: [a], item: b, value: c}\n    items: [x]", "stands in `long` already"),
        ("long: {key: [a], item: b, value: c}\n    wide: {submitted: {total: 'b{session}'}}",
         "not both"),
    ],
)  # fmt: skip
def test_a_wrong_block_is_refused_with_its_line(tmp_path, block, said):
    path = tmp_path / "harbor.yml"
    path.write_text(
        "clinic: harbor\nformat: delimited\nfeeds:\n  - table: responses\n"
        "    set: {instrument: phq9, rater: client}\n"
        f"    columns: {{client_id: id, completed_at: day}}\n    {block}\n"
    )

    with pytest.raises(ConfigError, match=r"harbor\.yml:") as caught:
        read_clinic_yaml(path)
    assert said in str(caught.value)


@pytest.mark.real
def test_a_real_wide_file_gives_a_response_per_session_answered(real_data, stage):
    """43 patients, sessions 0 to 12; the cells filled are counted with the csv module."""
    path = real_data / "sudden_gains" / "sgdata.csv"
    with path.open(encoding="utf-8") as lines:
        filled = [
            float(row[f"bdi_s{session}"])
            for row in csv.DictReader(lines)
            for session in range(13)
            if row[f"bdi_s{session}"] not in ("", "NA")
        ]
    feed = with_wide(TOTALS, dates={"on": "2000-01-03", "days": 7, "first": 0})

    rows, notes = stage(
        feed, path.read_text(encoding="utf-8"), "submitted_total", "source_line",
        missing_codes=["NA"],
    )  # fmt: skip

    assert sorted(score for score, _ in rows) == sorted(filled)
    assert len({line for _, line in rows}) == 43
    assert notes["sessions"].startswith("43 rows with 13 sessions each")


@pytest.mark.real
def test_a_real_file_of_scores_before_and_after_is_read_as_two_sessions(real_data, stage):
    """5,000 patients of 150 therapists; what is filled is counted with the csv module."""
    path = real_data / "therapist_effects" / "patients_5000.csv"
    with path.open(encoding="utf-8") as lines:
        patients = list(csv.DictReader(lines))
    expected = {
        when: [float(one[f"phq9_{when}"]) for one in patients if one[f"phq9_{when}"] not in NONE]
        for when in ("pre", "post")
    }
    feed = TOTALS | {
        "wide": {
            "submitted": {"total": "phq9_{session}"},
            "sessions": ["pre", "post"],
            "dates": {"on": "2000-01-03", "days": 84, "first": 0},
        },
        "columns": {
            "client_id": "patient_id", "therapist_id": "therapist_id", "completed_at": "_date"
        },
    }  # fmt: skip

    rows, _ = stage(
        feed, path.read_text(encoding="utf-8"), "completed_at::date", "submitted_total",
        "therapist_key", missing_codes=list(NONE),
    )  # fmt: skip

    for when, day in (("pre", date(2000, 1, 3)), ("post", date(2000, 3, 27))):
        assert sorted(score for at, score, _ in rows if at == day) == sorted(expected[when])
    assert len({therapist for *_, therapist in rows}) == 150
