"""A code must not mean: no answer, where the form has it as an answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from transforms.clinics.clinic import Clinic, Feed
from transforms.errors import FileRefused
from transforms.instruments.registry import load_registry
from transforms.intake.missing_codes import refuse_codes_in_range

REGISTRY = load_registry(Path(__file__).resolve().parents[3] / "config" / "instruments")


def judge(codes: list[str], **more) -> None:
    feed = Feed(
        table="responses", set={"instrument": "PHQ9", "rater": "client"}, columns={}, **more
    )
    clinic = Clinic(clinic="harbor", format="delimited", missing_codes=codes, feeds=[feed])
    refuse_codes_in_range(clinic, clinic.feeds, REGISTRY)


@pytest.mark.parametrize("code", ["0", "3", "3.0", "1,5"])
def test_a_code_inside_the_range_is_refused(code):
    """Items of the PHQ-9 go from 0 to 3."""
    with pytest.raises(FileRefused, match="is also an answer to phq9") as refusal:
        judge([code])
    assert refusal.value.code == "F08"


@pytest.mark.parametrize("code", ["-1", "4", "-99", "NA", "", "."])
def test_a_code_outside_the_range_is_none_of_the_answers(code):
    judge([code])


def test_translated_answers_are_judged_by_their_own_codes():
    """A form exported from 1 to 4: there a 0 is no answer, and a 4 is one."""
    values = {"items": {"1": "0", "2": "1", "3": "2", "4": "3"}}

    judge(["0"], values=values)
    with pytest.raises(FileRefused, match=r"\(4\)"):
        judge(["4"], values=values)


def test_a_code_of_one_feed_is_judged_there():
    with pytest.raises(FileRefused, match=r"\(2\)"):
        judge([], missing_codes=["2"])


def judge_spin(codes: list[str]) -> None:
    """The SPIN is scored as supplied: no items, a total from 0 to 68."""
    feed = Feed(
        table="responses",
        set={"instrument": "spin", "rater": "client"},
        columns={},
        submitted={"total": "spin"},
        missing_codes=codes,
    )
    clinic = Clinic(clinic="harbor", format="delimited", feeds=[feed])
    refuse_codes_in_range(clinic, clinic.feeds, REGISTRY)


@pytest.mark.parametrize("code", ["0", "68"])
def test_a_code_among_the_totals_of_an_instrument_without_items_is_refused(code):
    with pytest.raises(FileRefused, match="a score of spin total, which goes from 0 to 68"):
        judge_spin([code])


@pytest.mark.parametrize("code", ["-1", "69", "#NULL!"])
def test_a_code_beyond_the_totals_is_fine(code):
    judge_spin([code])
