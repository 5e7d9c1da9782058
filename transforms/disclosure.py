"""Which hidden cells of a table of counts can be computed from the visible ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def derived_cells(equations: NDArray, values: NDArray) -> dict[int, float]:
    """Return the hidden cells that the visible ones give away, with their value.

    Parameters
    ----------
    equations : array, one row per sum that readers know and one column per cell; each row times
        the cells is 0 (parts 1, their total -1).
    values : one count per cell, NaN where it is hidden.

    Notes
    -----
    A cell is given away when its unit vector lies in the row space of the equations restricted
    to the hidden cells: then every table that fits the visible cells has the same number there.

    Examples
    --------
    Two clinics and their total: 20 and 26 give away 6. With a third hidden clinic they do not.

    >>> derived_cells(np.array([[1, 1, -1]]), np.array([20, np.nan, 26]))
    {1: 6.0}
    >>> derived_cells(np.array([[1, 1, 1, -1]]), np.array([20, np.nan, np.nan, 26]))
    {}
    """
    hidden = np.flatnonzero(np.isnan(values))
    if not hidden.size or not len(equations):
        return {}
    system = np.asarray(equations, dtype=float)
    known = -system @ np.where(np.isnan(values), 0.0, values)
    inverse = np.linalg.pinv(system[:, hidden])
    reach = np.diag(inverse @ system[:, hidden])
    solution = inverse @ known
    return {
        int(cell): round(float(value), 6) + 0.0
        for cell, certainty, value in zip(hidden, reach, solution, strict=True)
        if certainty > 1 - 1e-9
    }
