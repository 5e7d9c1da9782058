"""A corrected export on the second night: the latest value counts, the earlier one is kept."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.steps.publish import published_run, releases

OWN = "clinic_id = 'corrected'"


@pytest.fixture(scope="module")
def corrected(two_nights):
    return two_nights.place, two_nights.first


def scores(ask, place):
    return ask(
        place,
        "select score, score_source, submitted_score, n_answered from core.fct_scores "
        f"where {OWN} and scale = 'total' order by completed_at",
    )


def test_the_latest_value_of_a_response_counts(corrected, ask):
    place, _ = corrected

    assert scores(ask, place) == [
        (9.0, "computed", None, 9),
        (27.0, "computed", None, 9),
        (7.0, "submitted", 7.0, 0),
    ]


def test_the_balance_says_what_became_of_every_row(corrected, ask):
    place, _ = corrected
    rows = ask(
        place,
        "select source_file, n_received, n_loaded, n_duplicate, n_superseded, n_quarantined "
        f"from quality.dq_balance where {OWN} order by source_file",
    )

    assert rows == [
        ("responses_1.csv", 2, 1, 0, 1, 0),
        ("responses_2.csv", 2, 1, 1, 0, 0),
        ("responses_3.csv", 1, 1, 0, 0, 0),
    ]


def test_rollback_brings_yesterday_back_and_status_says_so(corrected, ask):
    place, first = corrected
    newest = releases(place)[0]
    runner = CliRunner()

    back = runner.invoke(app, ["rollback", "--home", str(place.root)])
    status = runner.invoke(app, ["status", "--home", str(place.root)])

    assert back.exit_code == 0
    assert first in back.output
    assert [row[0] for row in scores(ask, place)] == [9.0, 4.0]
    assert f"Published: {first}" in status.output
    assert runner.invoke(app, ["rollback", newest, "--home", str(place.root)]).exit_code == 0
    assert published_run(place) == newest


def test_rollback_to_nowhere_says_why(corrected):
    place, _ = corrected

    result = CliRunner().invoke(app, ["rollback", "1999", "--home", str(place.root)])

    assert result.exit_code == 1
    assert "is not kept" in result.output


def test_scores_leave_as_fhir_observations_without_a_person(corrected, ask, tmp_path):
    place, _ = corrected
    target = tmp_path / "scores.ndjson"
    result = CliRunner().invoke(app, ["export", "fhir", str(target), "--home", str(place.root)])
    everything = [json.loads(line) for line in target.read_text().splitlines()]
    ((n_scores,),) = ask(place, "select count(score) from core.fct_scores")
    ((client,),) = ask(place, f"select distinct client_key::text from core.fct_scores where {OWN}")
    theirs = [each for each in everything if client in json.dumps(each["subject"])]
    # PHQ-9 total score, LOINC 44261-6 (US Core example); the eight items it shares have no code.
    resources = [each for each in theirs if "44261-6" in json.dumps(each["code"])]
    others = [each for each in theirs if each not in resources]

    assert result.exit_code == 0
    assert len(everything) == n_scores > 3
    assert [resource["resourceType"] for resource in resources] == ["Observation"] * 3
    assert others
    assert all("eight_items" in json.dumps(each["code"]) for each in others)
    assert not any("loinc.org" in json.dumps(each["code"]) for each in others)
    assert sorted(resource["valueQuantity"]["value"] for resource in resources) == [7, 9, 27]
    assert "k1" not in {resource["subject"].get("reference") for resource in everything}
    assert target.stat().st_mode & 0o077 == 0


def test_export_before_anything_is_published_says_so(home, tmp_path):
    arguments = ["export", "fhir", str(tmp_path / "x"), "--home", str(home.root)]

    result = CliRunner().invoke(app, arguments)

    assert result.exit_code == 1
    assert "nothing is published yet" in result.output
    assert not (tmp_path / "x").exists()
