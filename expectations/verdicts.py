"""What a pair of counts means: the one place that turns numbers into a state."""

from __future__ import annotations

from typing import Literal

State = Literal["pass", "fail", "error", "not_applicable"]


def share_of(n_scope: int, n_failed: int) -> float | None:
    """Return the share that failed, or None without anything in scope."""
    return n_failed / n_scope if n_scope else None


def state_of(n_scope: int, n_failed: int, threshold: float, error: str | None) -> State:
    """Return the state of a rule: a check that could not run is no bad data, an empty no pass.

    Examples
    --------
    >>> state_of(200, 2, 0.01, None), state_of(200, 3, 0.01, None)
    ('pass', 'fail')
    >>> state_of(0, 0, 0.0, None), state_of(200, 3, 0.01, "Binder Error")
    ('not_applicable', 'error')
    """
    if error:
        return "error"
    if n_scope == 0:
        return "not_applicable"
    # Compared as counts: 3 of 300 is not more than 0.01, whatever 3 / 300 is in binary.
    return "fail" if n_failed > threshold * n_scope + 1e-9 else "pass"
