"""The demo's forms about the relationship: plausible, scorable, and with known answers."""

import csv
import json
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from demo import generate
from demo.clinics import HARBOR
from demo.model import simulate
from demo.relationship import draw_relationship, unexpected_gain
from demo.relationship_truth import EXPECTED, ROWS
from tests.planted.recover import given
from tests.planted.recover_relationship import recover_relationship
from transforms.statistics.truth_and_bias import truth_and_bias


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    generate(folder / "landing", folder / "truth", n_sessions=6_000, seed=7)
    return folder


@pytest.fixture(scope="module")
def forms(demo):
    return rows_of(demo, "responses_relationship")


@pytest.fixture(scope="module")
def large():
    courses = simulate(HARBOR, 200_000, np.random.default_rng([5, 0]))
    return courses, draw_relationship(courses, np.random.default_rng([5, 7]))


def rows_of(demo, name):
    path = demo / "landing" / "harbor" / f"{name}.csv"
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def truth_of(demo):
    return json.loads((demo / "truth" / "truth.json").read_text())["clinics"]["harbor"]


def test_every_measure_is_there_and_counted(demo, forms):
    counts = Counter(row["instrument"] for row in forms)
    known = truth_of(demo)["relationship"]

    assert set(counts) == {"ecr_s", "care", "rri_c", "blri", "icb", "cms", "psq", "hrs2"}
    assert counts == known["responses_by_instrument"]
    assert len(forms) == known["rows_clean"]
    assert (
        sum(row["submitted_occurrence"] == "1" for row in forms) == known["ruptures_reported"] > 0
    )


def test_every_form_belongs_to_an_attended_session_of_the_client(demo, forms):
    sessions = {row["session_id"]: row for row in rows_of(demo, "sessions")}

    for row in forms:
        session = sessions[row["session_id"]]
        assert session["attendance"] in ("attended", "late")
        for name in ("client_id", "episode_id", "therapist_id"):
            assert row[name] == session[name]


def test_no_form_is_filled_in_while_the_rater_fills_in_another(demo, forms):
    """Nothing looks like bulk entry."""
    spans = {}
    for is_new, rows in ((True, forms), (False, rows_of(demo, "responses"))):
        for row in rows:
            if row["started_at"] and row["session_id"]:
                span = (row["started_at"], row["completed_at"], is_new)
                spans.setdefault((row["session_id"], row["rater"]), []).append(span)
    overlaps = sum(
        later[0] < earlier[1]
        for found in spans.values()
        for earlier, later in pairwise(sorted(found))
        if earlier[2] or later[2]
    )

    assert len(spans) > 1_000
    assert overlaps == 0


def test_forms_with_a_known_key_come_as_answers_and_others_as_scores(forms):
    n_items = {"care": 10, "ecr_s": 12}
    for row in forms:
        items = [row[f"item_{number}"] for number in range(1, 13)]
        scores = [value for name, value in row.items() if name.startswith("submitted_") and value]
        expected = n_items.get(row["instrument"], 0)

        assert sum(item != "" for item in items) == expected
        assert bool(scores) == (expected == 0)
        if row["instrument"] == "psq":
            said_yes = row["submitted_occurrence"] == "1"
            assert bool(row["submitted_intensity"]) == said_yes
            assert bool(row["submitted_resolution"]) == said_yes


def test_attachment_items_run_against_the_rest_as_ticked(forms):
    """ECR-S items 1, 5, 8 and 9 are reversed; the two scales share no item."""
    answers = np.array(
        [[float(row[f"item_{n}"]) for n in range(1, 13)] for row in forms
         if row["instrument"] == "ecr_s"]
    )  # fmt: skip
    anxiety = answers[:, [1, 3, 5, 9, 11]].sum(axis=1)
    avoidance = answers[:, [2, 6, 10]].sum(axis=1)

    assert answers.min() == 1
    assert answers.max() == 7
    assert np.corrcoef(answers[:, 7], anxiety)[0, 1] < -0.2
    for reversed_item in (1, 5, 9):
        assert np.corrcoef(answers[:, reversed_item - 1], avoidance)[0, 1] < -0.2


def test_the_other_files_do_not_depend_on_these_forms(large):
    """Drawing them uses a stream of its own and leaves the courses as they were."""
    courses, _ = large
    again = simulate(HARBOR, 200_000, np.random.default_rng([5, 0]))

    assert np.array_equal(courses.alliance, again.alliance)
    assert np.array_equal(courses.outcomes[0], again.outcomes[0])


def test_expected_values_are_those_of_the_model(large):
    found = recover_relationship(*large)

    assert set(found) == set(EXPECTED) == set(ROWS)
    for name, value in found.items():
        slack = 0.6 if name == "congruence.bias" else 0.03
        assert abs(value - EXPECTED[name]) < slack, name


def test_clients_who_do_better_than_foretold_report_more_empathy(large):
    courses, found = large
    gain = unexpected_gain(courses)

    assert abs(np.corrcoef(gain, courses.outcomes[0][:, 0])[0, 1]) < 1e-9
    assert np.corrcoef(gain, found.care)[0, 1] > 0.25


def test_ruptures_are_reported_where_they_are(large):
    """Of sessions in a rupture 85 percent are reported, of the others 4."""
    courses, found = large
    at = np.array([3, 7])
    strained = courses.rupture_at[:, None] == at

    assert found.rupture_reported[strained].mean() == pytest.approx(0.85, abs=0.02)
    never = np.broadcast_to(courses.rupture_at[:, None] < 0, strained.shape)
    assert found.rupture_reported[never].mean() == pytest.approx(0.04, abs=0.01)


def test_truth_names_one_row_of_a_table_for_each_measure(demo):
    effects = {effect["name"]: effect for effect in truth_of(demo)["effects"]}

    for name, (table, _) in ROWS.items():
        shown = effects[name]["published"]
        assert shown["table"] == f"common_factors.{table}"
        assert shown["where"]["scope_id"] == "harbor"
        assert isinstance(shown["expected"], float)


@pytest.mark.slow
def test_bias_and_tracking_lie_within_their_intervals_over_seeds():
    """Of 100 clinics of 14,400 sessions, 87 intervals or more hold the expected value."""
    names = ("bias", "truth_within", "truth_between")
    held = {name: 0 for name in names}
    form = HARBOR.therapist_form
    for seed in range(100):
        courses = simulate(HARBOR, 14_400, np.random.default_rng([300, seed]))
        client = given(courses, HARBOR.alliance.pomp(courses.alliance), courses.alliance_given)
        rating = (courses.therapist_rating - form.low) / (form.high - form.low) * 100
        dyad, session = np.nonzero(~np.isnan(client) & ~np.isnan(rating))
        found = truth_and_bias(
            dyad, client[dyad, session], rating[dyad, session], courses.therapist[dyad]
        ).parameters
        for name in names:
            expected = EXPECTED[f"congruence.{name}"]
            held[name] += found[name].ci_low <= expected <= found[name].ci_high

    assert min(held.values()) >= 87  # binomial tail below 0.001 at 95 percent
