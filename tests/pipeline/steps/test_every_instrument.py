"""Every shipped instrument can be delivered: one feed each, in one file, checked and taken in."""

from __future__ import annotations

import shutil

import pytest

from pipeline.commands.check import check
from pipeline.home import REPOSITORY, Home
from tests.pipeline.half_nights import Clinic
from transforms.instruments.definition import Instrument
from transforms.instruments.registry import load_registry

INSTRUMENTS = [
    one
    for one in load_registry(REPOSITORY / "config" / "instruments").instruments
    if one.language == "any"
]
MISSING = "#NULL!"
MOST_ITEMS = max(one.items.n for one in INSTRUMENTS if one.items)
SCALES = sorted({scale for one in INSTRUMENTS for scale in one.scales})


def name_of(one: Instrument) -> str:
    return "-".join(one.key[:3])


def feed_of(one: Instrument) -> str:
    """Return the YAML of a feed that fixes the instrument, with items where it has them."""
    lines = [
        "  - table: responses",
        f"    set: {{instrument: {one.instrument_id}, version: {one.version}, rater: {one.rater}}}",
        f"    when: {{form: [{name_of(one)}]}}",
        "    columns: {client_id: client, completed_at: day}",
        "    skip_unanswered: true",
    ]
    if one.items:
        numbers = ", ".join(f"{n}: i{n}" for n in range(1, one.items.n + 1))
        lines.append(f"    items: {{{numbers}}}")
    else:
        lines.append(f"    submitted: {{{', '.join(f'{s}: {s}' for s in one.scales)}}}")
    return "\n".join(lines)


def rows_of(one: Instrument) -> list[str]:
    """Return an answered form and one with missing codes only."""
    n_items = one.items.n if one.items else 0
    lowest = f"{one.items.min:g}" if one.items else ""
    ends = {scale: one.score_range(scale)[1] or 0 for scale in one.scales}
    totals = [f"{ends[s]:g}" if s in ends and not one.items else "" for s in SCALES]
    answers = [lowest if n < n_items else "" for n in range(MOST_ITEMS)]
    blank = [MISSING if cell else "" for cell in (*answers, *totals)]
    said = [",".join([*answers, *totals]), ",".join(blank)]
    days = ("2025-01-05 10:00", "2025-01-12 10:00")
    return [
        f"c-{name_of(one)},{day},{name_of(one)},{cells}"
        for day, cells in zip(days, said, strict=True)
    ]


@pytest.fixture(scope="module")
def all_of_them(tmp_path_factory) -> Clinic:
    """A clinic whose YAML has a feed for every instrument, and one file with all of them."""
    root = tmp_path_factory.mktemp("instruments")
    shutil.copytree(REPOSITORY / "config", root / "config")
    place = Home(root / "home", root / "config")
    place.root.mkdir()
    place.prepare()
    clinic = Clinic(place)
    feeds = "\n".join(feed_of(one) for one in INSTRUMENTS)
    clinic.configure(
        f'clinic: clinic\nformat: delimited\nmissing_codes: ["{MISSING}"]\nfeeds:\n{feeds}\n'
    )
    header = ",".join(
        ["client", "day", "form", *(f"i{n}" for n in range(1, MOST_ITEMS + 1)), *SCALES]
    )
    clinic.land("forms.csv", *(row for one in INSTRUMENTS for row in rows_of(one)), header=header)
    return clinic


@pytest.fixture(scope="module")
def checked(all_of_them, tmp_path_factory):
    """What `rapport check` says before the night."""
    file = all_of_them.place.landing / "clinic" / "forms.csv"
    return check(all_of_them.place, file, "clinic", tmp_path_factory.mktemp("out"))


@pytest.fixture(scope="module")
def taken_in(all_of_them, checked) -> dict[tuple, tuple]:
    """Run the night; return (forms, scores) by instrument, version and rater."""
    assert all_of_them.night() == {"forms.csv": "accepted"}
    scores = all_of_them.place.lake / "scores" / "clinic=clinic" / "*.parquet"
    rows = all_of_them.ask(
        "select instrument_id, version, rater, count(distinct response_key), count(score) "
        f"from read_parquet('{scores}') group by all"
    )
    return {row[:3]: row[3:] for row in rows}


def test_check_reads_every_instrument(checked):
    """One answered form of each; the one with missing codes only is left out."""
    ((_, received, new, _, quarantined),) = checked.balance
    assert (checked.status, received, new, quarantined) == (
        "accepted",
        len(INSTRUMENTS),
        len(INSTRUMENTS),
        0,
    )


@pytest.mark.parametrize("one", INSTRUMENTS, ids=name_of)
def test_the_answered_form_is_taken_in(taken_in, one):
    n_forms, n_scores = taken_in[one.key[:3]]

    assert n_forms == 1
    # Items of an instrument that is scored as supplied make no score.
    assert n_scores == (0 if one.items and one.scores_supplied else len(one.scales))
