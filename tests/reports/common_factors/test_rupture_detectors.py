"""Which detector the page reads, and what it neither says nor draws."""

from reports.common_factors import alliance
from reports.drawing.wording import Row

BASE = {
    "instrument_id": "wai_sr",
    "estimate": 7.3,
    "ci_low": 4.1,
    "ci_high": 10.8,
    "ci_level": 0.95,
    "rupture_percent": 21.5,
    "rupture_percent_ci_low": 18.4,
    "rupture_percent_ci_high": 25.0,
    "noise_percent": 14.2,
    "repaired_percent": 54.6,
    "standing": "more than noise",
    "is_chosen": False,
    "chosen_because": None,
    "n_episodes": 585,
    "n_therapists": 40,
    "precision_label": "exploratory",
}


def rows_of(*changes):
    """Return rows of the block's query."""
    return [Row(number, BASE | change) for number, change in enumerate(changes)]


def said_of(*changes):
    """Return the sentences in one text, without markup."""
    return " ".join(part.striptags() for part in alliance.RUPTURES.say(rows_of(*changes)))


CHOSEN = {"detector": "control_chart", "is_chosen": True, "chosen_because": "more than noise"}


def test_the_chosen_detector_is_read_beside_noise_and_why():
    """Not the reliable drop, which stands beside it."""
    said = said_of({"detector": "rci_drop", "rupture_percent": 49.7}, CHOSEN)

    assert "control chart" in said
    assert "noise alone would give 14" in said
    assert "chosen because it is more than noise" in said
    assert "reliable drop" not in said


def test_where_no_detector_is_chosen_no_rate_is_named():
    """The SRS of the demo: five detectors, none beyond noise."""
    said = said_of({"detector": "rci_drop"}, {"detector": "srs_trigger", "rupture_percent": 100.0})

    assert "no detector finds more ruptures than noise" in said
    assert "%" not in said


def test_reports_of_clients_are_said_without_noise():
    """The public file has no standing and no noise for them."""
    report = {"detector": "self_report", "instrument_id": "psq", "estimate": None}
    said = said_of(report | {"noise_percent": None, "standing": None, "is_chosen": None})

    assert "clients reported a rupture" in said
    assert "noise" not in said


def test_a_detector_that_fires_on_nearly_everyone_is_not_drawn():
    """Its row stays in the table of numbers."""
    everyone = {"detector": "srs_trigger", "standing": "fires on nearly everyone"}
    drawn = str(alliance.RUPTURES.draw(rows_of(everyone, CHOSEN)))

    assert "control chart" in drawn
    assert "SRS trigger" not in drawn
