"""What `rapport trace` prints where the terminal is too narrow for a table."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from pipeline.commands.trace import Trace, print_trace

SCORE = {"episode_key": "f0dd196c", "instrument_id": "wai_sr", "scale": "bond", "score": 12.0}
TABLE = "episode_key instrument_id scale score version\nf0dd196c    wai_sr        bond  12"
RECORD = "- episode_key f0dd196c · instrument_id \nwai_sr · scale bond · score 12"


@pytest.mark.parametrize(("width", "printed"), [(46, TABLE), (45, RECORD)])
def test_a_row_is_never_cut_into_columns_too_narrow_to_read(width, printed):
    """The columns take 12 + 14 + 6 + 6 + 8 characters; what is empty is left out below them."""
    page = io.StringIO()

    print_trace(Trace([], [SCORE | {"version": None}], [], [], []), Console(file=page, width=width))

    assert printed.split() == page.getvalue().split("2 Scores")[1].split("3 Classes")[0].split()
