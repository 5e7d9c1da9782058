"""What the plot of one client's alliance marks, and what it leaves to the table."""

from reports.clinical.case import PARTS, Episode


def _rupture(session, *, is_like_noise, repaired=None):
    return {
        "session_number": session,
        "repaired_session_number": repaired,
        "is_like_noise": is_like_noise,
    }


def _marks(*ruptures):
    rated = dict.fromkeys(PARTS, 60.0) | {"alliance_instrument_id": "srs"}
    sessions = [rated | {"session_number": number} for number in range(1, 6)]
    plot = str(Episode(None, sessions, list(ruptures), [], []).alliance_plot())
    return plot.count(">rupture<"), plot.count(">repaired<")


def test_a_rupture_of_a_detector_that_finds_more_than_noise_is_marked():
    assert _marks(_rupture(2, is_like_noise=False, repaired=4)) == (1, 1)


def test_what_noise_gives_as_well_is_not_drawn():
    noise = _rupture(3, is_like_noise=True, repaired=5)

    assert _marks(noise) == (0, 0)
    assert _marks(noise, _rupture(2, is_like_noise=False)) == (1, 0)
