"""The common-factors page shows no therapist with fewer than 11 clients, whatever the table has.

The table itself hides their estimates; this guard stands in case it once does not.
"""

import pytest

from reports.common_factors.page import Scope, _answer
from reports.common_factors.service import CATERPILLAR

CLINIC = Scope("clinic", "harbor", "Harbor")


@pytest.fixture
def page_of(con):
    """A function from clients per therapist to what the page says and lists."""
    con.execute("create schema common_factors")

    def answer(*sizes):
        con.execute(
            """
            create or replace table common_factors.cf_therapist_caterpillar as
            select 'clinic' as scope_level, 'harbor' as scope_id,
                'phq9' as outcome_instrument_id, i as therapist_key, i as therapist_rank,
                1 as rank_best, len($sizes) as rank_worst, 0.5 as estimate, -1.0 as ci_low,
                2.0 as ci_high, 0.95 as ci_level, 0.4 as reliability,
                'not distinguishable' as standing, $sizes[i] as n_clients,
                'reportable' as precision_label
            from range(1, len($sizes) + 1) as r (i)
            """,
            {"sizes": list(sizes)},
        )
        found = _answer(con, CATERPILLAR, CLINIC)
        return [row["n_clients"] for row in found.rows], str(found.sentences[0]), found.plot

    return answer


def test_ten_clients_are_not_shown_and_eleven_are(page_of):
    sizes, said, plot = page_of(10, 11, 12)

    assert sizes == [11, 12]
    assert 'data-column="n_shown" data-factor="1">2</data>' in said
    assert plot.count("ranks 1 to 3") == 2


def test_a_clinic_with_small_therapists_only_says_so(page_of):
    sizes, said, plot = page_of(1, 10, None)

    assert (sizes, plot) == ([], None)
    assert said == "No therapist has enough clients to be shown."
