"""What the marking pass promises beside its rules: closure, completeness, honest errors."""

from datetime import date, datetime

import pytest

from expectations.catalogue import Catalogue, load_rules
from tests.expectations.hand_made import items, key

RULES = load_rules()


def _tolerant(rule_id):
    """The catalogue with one rule that rejects no file."""
    rules = (
        rule.model_copy(update={"threshold": 1.0}) if rule.id == rule_id else rule
        for rule in RULES.rules
    )
    return Catalogue(rules=tuple(rules))


def _where(sql):
    """S04 as a hand-written predicate."""
    check = {"kind": "where", "breaks": [{"where": sql, "reason": "made up"}]}
    s04 = RULES.rule("S04").model_dump() | {"checks": [check], "applies_to": "true"}
    rest = [rule.model_dump() for rule in RULES.rules if rule.id != "S04"]
    return Catalogue.model_validate({"rules": [*rest, s04]})


def test_a_quarantined_episode_takes_its_sessions_and_their_forms_along(delivery):
    """Referential closure: nothing that flows on points to a row that did not."""
    delivery.change("episodes", "e1", end_date=datetime(2025, 1, 9).date())

    delivery.mark(_tolerant("N01"))

    assert delivery.marked("E01") == [("e1", "end_date")]
    assert delivery.marked("N01") == [("s1", "episode_id"), ("s2", "episode_id")]
    assert delivery.marked("S02") == [("r1", "session_id"), ("r2", "session_id")]
    reasons = {mark["reason"] for mark in delivery.marks if mark["rule_id"] == "S02"}
    assert reasons == {"refers to a quarantined row of sessions"}


def test_a_sessions_file_with_too_many_orphans_is_rejected_whole(delivery):
    """N01 allows a fifth; two of four sessions lost their episode, so no form keeps its session."""
    delivery.change("episodes", "e1", end_date=datetime(2025, 1, 9).date())

    delivery.mark()

    assert delivery.count("N01") == (4, 2)
    assert [row for row, _ in delivery.marked("S02")] == ["r1", "r2", "r3"]


def test_a_client_in_a_rejected_file_takes_everything_along(delivery):
    """C01 rejects the clients' file, so bert, who broke nothing himself, is not there either."""
    delivery.change("clients", "carl", client_key=key("anna"), gender="male")

    delivery.mark()

    assert [row for row, _ in delivery.marked("C01")] == ["carl", "carl"]
    assert delivery.marked("E13") == [("e1", "client_id"), ("e2", "client_id")]
    assert ("r3", "client_id") in delivery.marked("S02")


def test_a_workbook_rejected_for_its_last_sheet_takes_its_clients_along(delivery):
    """The clients pass before the responses reject their common file: the pass is repeated."""
    delivery.change("clients", "bert", file="book")
    delivery.change("clients", "anna", file="other")
    for row in ("r1", "r2"):
        delivery.change("responses", row, file="book", response_key=key("same"))

    delivery.mark()

    assert delivery.count("S01") == (3, 2)
    assert delivery.marked("E13") == [("e2", "client_id")]
    assert ("s3", "client_id") in delivery.marked("N01")


def test_a_client_the_lake_knows_is_a_known_client(delivery):
    """Yesterday's rows count as long as no later row replaced them."""
    delivery.put_into_lake("clients", "anna").put_into_lake("sessions", "s1", "s2")

    delivery.mark()

    assert delivery.failing() == []


def test_a_key_with_a_good_row_in_the_lake_survives_a_bad_row_of_today(delivery):
    """The quarantined new version leaves yesterday's in place, so its children stay."""
    delivery.put_into_lake("clients", "anna")
    delivery.change("clients", "anna again", client_key=key("anna"), gender="=cmd()")

    delivery.mark()

    assert delivery.marked("F07") == [("anna again", "gender")]
    assert delivery.failing() == ["F07"]


def test_a_row_superseded_in_the_lake_is_no_longer_known(delivery):
    """The marker under superseded/ takes the row out of the current ones."""
    delivery.put_into_lake("clients", "anna")
    folder = delivery.folder / "lake" / "superseded" / "clients" / "clinic=north"
    folder.mkdir(parents=True)
    delivery.con.execute(
        f"copy (select '{key('anna')}'::uuid as row_key, 'earlier' as file_id, 2::bigint as"
        f" source_line) to '{folder / 'today.parquet'}' (format parquet)"
    )

    delivery.mark()

    assert delivery.marked("E13") == [("e1", "client_id")]


def test_without_clients_nobody_misses_a_client(delivery):
    """A clinic that sends surveys only: nothing to refer to, so nothing is in scope."""
    delivery.without("clients", "therapists", "episodes", "sessions")

    delivery.mark()

    assert delivery.count("S02") == (0, 0)
    assert delivery.count("S22") == (0, 0)
    assert delivery.failing() == []


def test_an_empty_file_has_nothing_in_scope(delivery):
    """Zero rows are counted as zero in scope, so that they cannot read as a pass."""
    delivery.rows["responses"].clear()
    path = delivery.folder / "staged" / "responses" / "fempty-0.parquet"
    delivery._write("responses", {}, path, "fempty")
    delivery._stage = lambda table, stage=delivery._stage: (
        [path] if table == "responses" else stage(table)
    )

    delivery.mark()

    assert delivery.count("S04") == (0, 0)
    assert {c["file_id"] for c in delivery.counts if c["table_name"] == "responses"} == {"fempty"}


def test_marks_are_complete_beyond_two_hundred_rows(delivery):
    """Great Expectations would stop at 20 or 200."""
    for number in range(450):
        delivery.change(
            "responses",
            f"more {number}",
            client_key=key("anna"),
            session_key=None,
            completed_at=datetime(2025, 1, 10, 11, 0),
            item_1=6 if number % 2 else 5,
        )

    delivery.mark(Catalogue(rules=(RULES.rule("S04"),)))

    assert delivery.count("S04") == (453, 225)
    assert len(delivery.marked("S04")) == 225


def test_a_row_with_three_faults_has_three_marks_and_counts_once(delivery):
    """Marks are one per row x rule x column; counts are rows."""
    delivery.change("responses", "r1", item_1=6, item_2=8, item_3=2.5)

    delivery.mark()

    assert delivery.marked("S04") == [("r1", "item_1"), ("r1", "item_2")]
    assert delivery.marked("S05") == [("r1", "item_3")]
    assert delivery.count("S04") == (3, 1)


@pytest.mark.parametrize(("broken", "edge"), [(0, 1), (6, 5)])
def test_a_row_on_the_edge_is_left_alone_where_another_is_beyond_it(delivery, broken, edge):
    """Rows are searched only for items with an outlier; the search must know the edge too."""
    delivery.change("responses", "r1", item_7=broken)
    delivery.change("responses", "r4", item_7=edge, completed_at=datetime(2025, 1, 11, 9, 0))

    delivery.mark()

    assert delivery.marked("S04") == [("r1", "item_7")]


def test_a_whole_answer_is_left_alone_where_another_is_between_two_steps(delivery):
    """The same for steps: r4 answers item 7 with 2, r1 with 2.5."""
    delivery.change("responses", "r1", item_7=2.5)
    delivery.change("responses", "r4", item_7=2, completed_at=datetime(2025, 1, 11, 9, 0))

    delivery.mark()

    assert delivery.marked("S05") == [("r1", "item_7")]


def test_a_missing_code_is_reported_as_such_and_not_as_out_of_range(delivery):
    """The remedies differ: declare the code, or correct the answer."""
    delivery.change("responses", "r1", item_1=99, item_2=6)

    delivery.mark()

    assert delivery.marked("S07") == [("r1", "item_1")]
    assert delivery.marked("S04") == [("r1", "item_2")]


def test_an_optional_item_may_have_its_own_range(delivery):
    """PHQ-9 item 10 is asked and not scored."""
    delivery.change("responses", "r2", item_10=7)

    delivery.mark()

    assert delivery.failing() == []


def test_a_file_without_all_item_columns_is_not_that_instrument(delivery):
    """Eight columns cannot hold a PHQ-9; the other file with twelve is left alone."""
    short = delivery.rows["responses"]["r2"]
    for number in range(9, 13):
        short.pop(f"item_{number}", None)
    delivery.change("responses", "r2", file="short")

    delivery.mark()

    assert delivery.marked("S03") == [("r2", None)]


def test_a_rule_whose_sql_is_wrong_is_an_error_and_hides_no_other(delivery):
    """Error is not Fail: no row is marked, and the other rules are still counted."""
    delivery.change("responses", "r1", item_3=2.5)

    delivery.mark(_where("no_such_column > 1"))

    errors = [c for c in delivery.counts if c["error"]]
    assert [(c["rule_id"], c["n_failed"]) for c in errors] == [("S04", 0)]
    assert "no_such_column" in errors[0]["error"]
    assert delivery.marked("S05") == [("r1", "item_3")]


def test_the_error_of_a_rule_quotes_no_cell(delivery):
    """DuckDB quotes the cell that it could not convert; that must not reach the counts."""
    delivery.change("responses", "r1", mode="canary-zebra")

    delivery.mark(_where("cast(mode as integer) > 1"))

    errors = [c["error"] for c in delivery.counts if c["error"]]
    assert errors == ["Conversion error while the rule ran"]


def test_marks_and_counts_hold_no_cell_of_a_row(delivery):
    """Keys, columns and reasons only, whatever the broken cell says."""
    delivery.change("episodes", "e1", problem="=canary-zebra", discharge_reason="canary-zebra")
    delivery.change("responses", "r1", rater="canary-zebra", item_1=4711)

    delivery.mark()

    text = repr([delivery.marks, delivery.counts])
    assert len(delivery.marks) >= 4
    assert "canary" not in text
    assert "4711" not in text


def test_counts_have_one_row_per_rule_and_file(delivery):
    """Two files of a table are judged apart."""
    delivery.change("responses", "r3", file="second", item_1=9.5)

    delivery.mark()

    s05 = {
        c["file_id"]: (c["n_scope"], c["n_failed"])
        for c in delivery.counts
        if c["rule_id"] == "S05"
    }
    assert s05 == {"fresponses": (2, 0), "second": (1, 1)}
    assert {c["source_file"] for c in delivery.counts if c["rule_id"] == "S05"} == {"responses.csv"}


def test_one_key_in_two_files_is_a_correction_not_a_contradiction(delivery):
    """The latest export wins per natural key."""
    delivery.change("clients", "anna again", client_key=key("anna"), gender="male", file="second")

    delivery.mark()

    assert delivery.failing() == []


def test_an_episode_delivered_again_does_not_overlap_with_itself(delivery):
    """Neither in a second file nor in the lake."""
    again = dict(delivery.rows["episodes"]["e1"])
    delivery.rows["episodes"]["e1 again"] = again | {"file": "second"}
    delivery.rows["episodes"]["e1 earlier"] = dict(again)
    delivery.put_into_lake("episodes", "e1 earlier")

    delivery.mark()

    assert delivery.count("E02")[1] == 0


def test_an_episode_overlapping_one_of_the_lake_is_found(delivery):
    """Only the new row is marked: the lake's was judged in its night."""
    delivery.put_into_lake("episodes", "e1")
    delivery.change(
        "episodes",
        "e3",
        episode_key=key("e3"),
        client_key=key("anna"),
        start_date=datetime(2025, 6, 1).date(),
    )

    delivery.mark()

    assert delivery.marked("E02") == [("e3", "start_date")]


@pytest.mark.parametrize("n_forms", [49, 50])
def test_a_scale_is_judged_from_fifty_forms_on(delivery, n_forms):
    """One form fewer says too little about the top of a scale."""
    for number in range(n_forms):
        delivery.change(
            "responses",
            f"form {number}",
            client_key=key("anna"),
            session_key=None,
            instrument_id="wai_s",
            completed_at=datetime(2025, 1, 10, 11, number),
            **items(*[1 + (number + item) % 5 for item in range(12)]),
        )

    delivery.mark(Catalogue(rules=(RULES.rule("S06"),)))

    assert delivery.count("S06") == ((50, 50) if n_forms == 50 else (0, 0))


def test_a_warning_marks_its_row_and_keeps_its_children(delivery):
    """E03 warns: the episode stays, and so do its sessions."""
    delivery.change("episodes", "e1", discharge_reason=None)

    delivery.mark()

    assert delivery.marked("E03") == [("e1", "discharge_reason")]
    assert delivery.failing() == ["E03"]


def test_an_unlisted_rule_counts_without_marks(delivery):
    """S12 informs how many forms have no score, not which; other rules' marks stay."""
    delivery.scores.append(("r1", "total", None, None, False))
    delivery.change("responses", "r1", item_1=6)

    delivery.mark()

    assert delivery.count("S12") == (1, 1)
    assert {mark["rule_id"] for mark in delivery.marks} == {"S04"}


def test_a_plain_sum_of_a_form_with_gaps_is_no_wrong_key(delivery):
    """It is told apart (S37): such a clinic's file is not rejected."""
    delivery.scores.append(("r2", "total", 11.25, 10.0, True, 8, "blanks as 0"))

    delivery.mark()

    assert delivery.count("S09") == (1, 0)
    assert delivery.marked("S37") == [("r2", None)]


def test_a_file_of_nothing_but_a_form_that_lost_a_column_is_rejected(delivery):
    """Its rows break S03, which rejects the file; S34 is for what others of the file are spared."""
    for row in ("r2", "r3"):
        delivery.rows["responses"].pop(row)
    delivery.rows["responses"]["r1"].pop("item_7")

    delivery.mark()

    assert (delivery.marked("S03"), delivery.marked("S34")) == ([("r1", None)], [])
    reasons = {mark["reason"] for mark in delivery.marks if mark["rule_id"] == "S03"}
    assert reasons == {"the file has no column for item 7 of wai_sr"}


@pytest.mark.parametrize(
    ("valid_from", "valid_to", "is_applied"),
    [
        (None, None, True),
        # The delivery came on 2026-01-01; both ends are days the rule is in force.
        (date(2026, 1, 1), None, True),
        (date(2026, 1, 2), None, False),
        (None, date(2026, 1, 1), True),
        (None, date(2025, 12, 31), False),
    ],
)
def test_a_rule_is_applied_on_the_days_it_is_valid(delivery, valid_from, valid_to, is_applied):
    delivery.change("responses", "r1", item_7=6)
    s04 = RULES.rule("S04").model_copy(update={"valid_from": valid_from, "valid_to": valid_to})

    delivery.mark(Catalogue(rules=(s04,)))

    assert [c["n_failed"] for c in delivery.counts if c["n_failed"]] == [1] * is_applied
    assert bool(delivery.counts) is is_applied


def test_rows_that_never_change_are_left_out_only_where_change_is_needed(delivery):
    """With `or` a row may break a rule although its column is what it was before."""
    delivery.change("responses", "r4", session_key=None, completed_at=datetime(2025, 1, 17, 9))
    s29 = RULES.rule("S29").model_dump()
    s29["checks"][0]["where"] = "mode <> previous.mode or mode = previous.mode"

    delivery.mark(Catalogue.model_validate({"rules": [s29]}))

    assert delivery.marked("S29") == [("r4", "mode")]
