"""Rules S10 and S11 on answers in a lake; alpha as R's psych has it."""

from __future__ import annotations

import csv
import re
from datetime import datetime

import numpy as np
import pytest

from expectations.catalogue import load_rules
from expectations.published.audit import results_of
from expectations.published.item_statistics import check_items
from tests.conftest import ROOT, key
from transforms.instruments.registry import load_registry
from transforms.statistics.reliability import (
    ItemMoments,
    cronbach_alpha,
    item_rest_correlations,
    mcdonald_omega,
)

REFERENCE = ROOT / "tests" / "reference" / "item_statistics"
RULES = load_rules()
RUN_AT = datetime(2026, 1, 1, 6, 0)


@pytest.fixture(scope="module")
def reference():
    with (REFERENCE / "answers.csv").open() as file:
        rows = list(csv.reader(file))[1:]
    with (REFERENCE / "expected.csv").open() as file:
        expected = list(csv.DictReader(file))
    return ItemMoments.of(np.array(rows, dtype=float)), expected


def test_alpha_and_item_rest_correlations_are_those_of_psych(reference):
    """psych 2.2.9 on Shrout & Fleiss 1979, table 2."""
    moments, expected = reference
    values = [float(row["value"]) for row in expected]

    assert cronbach_alpha(moments) == pytest.approx(values[0], abs=1e-9)
    assert item_rest_correlations(moments) == pytest.approx(values[1:], abs=1e-9)


def read_answers(name: str) -> np.ndarray:
    with (REFERENCE / name).open() as file:
        return np.array(list(csv.reader(file))[1:], dtype=float)


def omega_of(program: str, statistic: str) -> float:
    with (REFERENCE / "omega_expected.csv").open() as file:
        return next(
            float(row["value"])
            for row in csv.DictReader(file)
            if (row["program"], row["statistic"]) == (program, statistic)
        )


def test_omega_is_that_of_lavaan():
    """lavaan 0.6.14: cfa with one factor, maximum likelihood, on covariances."""
    moments = ItemMoments.of(read_answers("omega.csv"))

    assert mcdonald_omega(moments) == pytest.approx(omega_of("lavaan", "omega"), abs=1e-7)
    assert mcdonald_omega(moments) > cronbach_alpha(moments)


def test_omega_of_standardized_items_is_that_of_psych():
    """psych 2.2.9: fa(fm = "ml") of the correlations."""
    correlations = np.corrcoef(read_answers("omega.csv"), rowvar=False)

    found = mcdonald_omega(ItemMoments(150, correlations))

    assert found == pytest.approx(omega_of("psych", "omega_standardized"), abs=1e-7)


def test_where_items_load_alike_omega_is_alpha():
    """Covariances 1 beside variances 2: alpha = 4/3 (1 - 8/20) = .8, and so is omega."""
    alike = ItemMoments(100, np.ones((4, 4)) + np.eye(4))

    assert cronbach_alpha(alike) == pytest.approx(0.8, abs=1e-12)
    assert mcdonald_omega(alike) == pytest.approx(0.8, abs=1e-9)


@pytest.mark.parametrize(
    "covariances",
    [
        np.ones((2, 2)) + np.eye(2),  # two items say nothing of a factor
        np.diag([1.0, 1.0, 0.0]),
        np.ones((3, 3)),  # an item that follows from the others
        [[1.0, 0.9, 0.9], [0.9, 1.0, 0.6], [0.9, 0.6, 1.0]],  # Heywood: .9 * .9 / .6 = 1.35 > 1
    ],
)
def test_without_a_factor_there_is_no_omega(covariances):
    assert mcdonald_omega(ItemMoments(100, np.array(covariances))) is None


def test_items_without_spread_have_no_correlation_and_no_alpha():
    """One item always 2: no correlation for it; all alike: no alpha."""
    some = ItemMoments.of(np.array([[2, 0, 1], [2, 1, 0], [2, 3, 3]]))

    assert item_rest_correlations(some)[0] is None
    assert item_rest_correlations(some)[1] is not None
    assert cronbach_alpha(ItemMoments.of(np.ones((3, 4)))) is None


@pytest.fixture
def items_in_lake(con, tmp_path):
    """A function that writes answers to WAI-S forms of one clinic and returns S10 and S11."""
    registry = load_registry(ROOT / "config" / "instruments")

    def write(answers: np.ndarray, at="2026-01-05"):
        folder = tmp_path / "lake" / "responses" / "clinic=harbor"
        folder.mkdir(parents=True, exist_ok=True)
        names = ", ".join(f"item_{n} double" for n in range(1, answers.shape[1] + 1))
        con.execute(
            "create or replace table forms (response_key uuid, file_id varchar, source_line bigint,"
            " instrument_id varchar, version varchar, rater varchar, completed_at timestamp,"
            f" {names})"
        )
        instrument = registry.find("wai_s", None, "client")
        for number, row in enumerate(answers):
            fixed = [key(f"r{number}"), "f1", number, *instrument.key[:3], at]
            con.execute(
                f"insert into forms values ({', '.join('?' for _ in [*fixed, *row])})",
                [*fixed, *map(float, row)],
            )
        con.execute(f"copy forms to '{folder / 'f1.parquet'}'")
        measures = check_items(con, tmp_path / "lake", ["harbor", "summit"], registry, RULES)
        found = {
            (row["rule_id"], row["clinic_id"]): row
            for row in results_of(measures, RULES, "run-1", RUN_AT)
        }
        assert found["S10", "summit"]["state"] == "not_applicable"
        return found["S10", "harbor"], found["S11", "harbor"]

    return write


def _wai_s(n: int, spread: float) -> np.ndarray:
    """Answers 1 to 7 around one factor, from a fixed seed; items 4 and 10 are reversed."""
    rng = np.random.default_rng(7)
    alliance = rng.normal(size=(n, 1))
    answers = np.clip(np.round(4 + 1.3 * alliance + rng.normal(size=(n, 12)) * spread), 1, 7)
    answers[:, [3, 9]] = 8 - answers[:, [3, 9]]
    return answers


def test_sound_items_pass(items_in_lake):
    turned, odd = items_in_lake(_wai_s(50, spread=1.0))

    assert (turned["state"], turned["n_scope"], turned["n_failed"]) == ("pass", 12, 0)
    assert odd["state"] == "pass"
    assert odd["n_scope"] >= 1


def test_an_item_turned_round_twice_fails(items_in_lake):
    """The clinic already reversed item 10: after scoring it runs against the others."""
    answers = _wai_s(50, spread=1.0)
    answers[:, 9] = 8 - answers[:, 9]

    turned, _ = items_in_lake(answers)

    assert (turned["state"], turned["n_failed"]) == ("fail", 1)
    assert turned["message"].endswith("wai_s item 10")


def test_items_that_do_not_hang_together_fail(items_in_lake):
    _, odd = items_in_lake(_wai_s(200, spread=9.0))

    assert odd["state"] == "fail"
    assert re.search(r"wai_s total 0\.\d\d, omega 0\.\d\d", odd["message"])


def test_forty_nine_forms_are_not_judged(items_in_lake):
    turned, odd = items_in_lake(_wai_s(49, spread=1.0))

    assert (turned["state"], odd["state"]) == ("not_applicable", "not_applicable")
