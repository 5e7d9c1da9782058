"""May a page say which way an effect points? Only where every model of it says the same."""

from collections.abc import Sequence

from transforms.statistics.estimate import Estimate

AGREE, DIFFER, CANNOT_TELL = "agree", "differ", "cannot_tell"


def agreement(estimates: Sequence[Estimate]) -> str:
    """Return whether models of one effect agree in sign and significance.

    ``agree``: every interval lies on the same side of 0. ``differ``: at least one interval
    excludes 0, and another holds 0 or lies on the other side. ``cannot_tell``: a model has no
    interval, or every interval holds 0 (touching it is holding it), which proves nothing.
    """
    sides = [_side_of(each) for each in estimates]
    known = {side for side in sides if side is not None}
    if None in sides or known in (set(), {0}):
        return CANNOT_TELL
    return AGREE if len(known) == 1 else DIFFER


def _side_of(estimate: Estimate) -> int | None:
    ends = estimate.with_ends
    if ends is None:
        return None
    _, low, high = ends
    return int(low > 0) - int(high < 0)
