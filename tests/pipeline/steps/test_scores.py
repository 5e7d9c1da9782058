"""From staged responses to rows of scores: what is computed, taken over, or left empty."""

from __future__ import annotations

import uuid

import pytest

from pipeline.home import REPOSITORY
from pipeline.steps import scores
from transforms.instruments.registry import load_registry


@pytest.fixture(scope="module")
def registry():
    return load_registry(REPOSITORY / "config" / "instruments")


@pytest.fixture
def score(con, stage, tmp_path, registry):
    """Score the given forms; returns rows (scale, score, n_answered, source, submitted).

    The eight items that PHQ-9 shares with PHQ-8 are left out unless they are asked for.
    """

    def call(*forms: dict, left_out: str = "eight_items") -> list[tuple]:
        rows = [
            {
                "response_key": str(uuid.uuid5(uuid.NAMESPACE_OID, str(number))),
                "instrument_id": "phq9",
                "version": "standard",
                "rater": "client",
                "language": "any",
            }
            | form
            for number, form in enumerate(forms)
        ]
        target = tmp_path / "scores.parquet"
        scores.write_scores(con, stage("responses", rows), target, registry)
        return con.execute(
            "select scale, score, n_answered, score_source, submitted_score "
            f"from read_parquet('{target}') where scale <> ? order by source_line, scale",
            [left_out],
        ).fetchall()

    return call


def phq9(*answers: float | None) -> dict:
    return {f"item_{n}": answer for n, answer in enumerate(answers, 1) if answer is not None}


def test_answers_are_scored(score):
    """domain.md 6.4: 0,1,2,3,0,1,2,3,0 is 12."""
    assert score(phq9(0, 1, 2, 3, 0, 1, 2, 3, 0)) == [("total", 12.0, 9, "computed", None)]


def test_the_eight_items_shared_with_phq8_are_a_scale_of_their_own(score):
    """The ninth, 3 here, is not among them."""
    rows = score(phq9(0, 1, 2, 3, 0, 1, 2, 3, 3), phq9(*[None] * 8, 3), left_out="total")

    assert [row[:3] for row in rows] == [("eight_items", 12.0, 8), ("eight_items", None, 0)]


def test_a_submitted_total_stands_beside_the_computed_one(score):
    rows = score(phq9(0, 1, 2, 3, 0, 1, 2, 3, 0) | {"submitted_total": 13})

    assert rows == [("total", 12.0, 9, "computed", 13.0)]


def test_only_a_submitted_total_is_taken_over_and_says_so(score):
    assert score({"submitted_total": 7}) == [("total", 7.0, 0, "submitted", 7.0)]


def test_a_submitted_total_does_not_replace_answers_that_are_too_few(score):
    """Seven of nine answers missing: no score, although the clinic sent one."""
    rows = score(phq9(1, 1) | {"submitted_total": 9})

    assert rows == [("total", None, 2, "computed", 9.0)]


def test_nothing_answered_is_null_never_zero(score):
    rows = score(phq9(), phq9(0, 0, 0, 0, 0, 0, 0, 0, 0))

    assert [(row[1], row[2]) for row in rows] == [(None, 0), (0.0, 9)]


def test_an_impossible_answer_gives_no_score(score):
    """Validation quarantines the row; scoring neither clips nor fails."""
    assert score(phq9(4, 1, 1, 1, 1, 1, 1, 1, 1))[0][1] is None


def test_an_unknown_instrument_has_no_scores(score):
    assert score({"instrument_id": "nobody_knows"} | phq9(1)) == []


def test_forms_of_several_instruments_keep_their_scales(score):
    rows = score(
        phq9(1, 1, 1, 1, 1, 1, 1, 1, 1),
        {"instrument_id": "srs", "version": "v3", "item_1": 9.0, "item_2": 9.1, "item_3": 8.9}
        | {"item_4": 9.4},
    )

    assert [(row[0], row[1]) for row in rows] == [
        ("total", 9.0),
        ("goal", 9.1),
        ("overall", 9.4),
        ("relationship", 9.0),
        ("task", 8.9),
        ("total", 36.4),
    ]


def test_many_forms_are_scored_in_batches_without_losing_one(score, monkeypatch):
    monkeypatch.setattr(scores, "BATCH_ROWS", 2)

    rows = score(*(phq9(n % 4, 0, 0, 0, 0, 0, 0, 0, 0) for n in range(7)))

    assert [row[1] for row in rows] == [0, 1, 2, 3, 0, 1, 2]
