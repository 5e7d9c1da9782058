"""Exports other people wrote, through the whole night, with the answers they came with."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.real

NORSE = """
clinic: norse
name: NORSE, synthetic
format: delimited
files: "synthetic_data.csv"
feeds:
  - table: responses
    set: {instrument: norse_alliance, rater: client}
    columns: {client_id: anon_id, completed_at: date}
    items: [Q11, Q12, Q13, Q14]
    submitted: {total: alliance}
"""
# Blood pressure is no questionnaire; it stands in for one, to follow a repeating form.
VIGNETTE = """
clinic: vignette
format: redcap
files: "data.csv"
dictionary: "dictionary.csv"
feeds:
  - table: responses
    form: blood_pressure
    set: {instrument: blood_pressure, rater: client, completed_at: "2026-01-01"}
    columns:
      client_id: record_id
      response_id: {join: [record_id, redcap_repeat_instrument, redcap_repeat_instance]}
    items: [sbp, dbp]
"""
BLOOD_PRESSURE = """
instrument_id: blood_pressure
version: standard
rater: client
is_default: true
name: Two numbers of a REDCap vignette
family: other
better: lower
timing: any
items: {n: 2, min: 0, max: 300, step: 0.1, source: test, evidence: derived}
scales:
  total:
    label: Sum
    kind: total
    method: sum
    items: all
    source: test
    evidence: derived
primary_scale: total
licence: test
citation: test
"""


@pytest.fixture(scope="module")
def norse_home(real_data, home_with, deliver, night):
    place = home_with("norse", clinics={"norse": NORSE})
    deliver(place, "norse", real_data / "norse" / "synthetic_data.csv")
    assert night(place) == "success"
    return place


@pytest.fixture(scope="module")
def redcap_home(real_data, home_with, deliver, night):
    place = home_with(
        "redcap",
        clinics={"vignette": VIGNETTE},
        instruments={"blood_pressure.standard.client.any": BLOOD_PRESSURE},
    )
    folder = real_data / "redcap" / "REDCapR" / "vignette-repeating"
    deliver(place, "vignette", folder / "data.csv", folder / "dictionary.csv")
    assert night(place) == "success"
    return place


def test_norse_every_row_lands(norse_home, ask):
    assert ask(norse_home, "select sum(n_received), sum(n_loaded) from quality.dq_balance") == [
        (2883, 2883)
    ]


def test_norse_submitted_alliance_equals_the_recomputed_one_on_every_row(norse_home, ask):
    """../shared/data/README.md: alliance in the file = mean(Q11..Q14) on all 2,883 rows."""
    rows = ask(
        norse_home,
        """
        select count(*), max(abs(score - submitted_score)), min(n_answered), count(score)
        from core.fct_scores where scale = 'total' and score_source = 'computed'
        """,
    )
    n, largest_difference, n_answered, n_scored = rows[0]

    assert (n, n_answered, n_scored) == (2883, 4, 2883)
    assert largest_difference < 1e-9


def test_norse_sessions_and_episodes_are_derived_and_say_so(norse_home, ask):
    n_sessions, derived_sessions = ask(
        norse_home, "select count(*), count(*) filter (is_derived) from core.fct_sessions"
    )[0]
    n_clients, n_episodes, derived_episodes = ask(
        norse_home,
        "select count(distinct client_key), count(*), count(*) filter (is_derived) "
        "from core.fct_episodes",
    )[0]

    assert n_sessions == derived_sessions == 2883
    assert n_clients == 500
    assert n_episodes == derived_episodes >= 500


def test_redcap_a_repeating_form_gives_one_row_per_instance(redcap_home, ask):
    """../shared/data/README.md: blood_pressure 6 rows."""
    assert ask(redcap_home, "select count(*) from core.fct_scores where scale = 'total'") == [(6,)]


def test_redcap_scores_are_the_sums_of_the_two_cells(redcap_home, ask):
    """Read off the file: record 1 instance 1 is 1.1 and 11.1, record 2 likewise 2.x and 22.x."""
    scores = ask(
        redcap_home, "select round(score, 1) from core.fct_scores where scale = 'total' order by 1"
    )

    assert scores[:3] == [(12.2,), (12.4,), (12.6,)]
