"""What an array holds, in one word for signatures."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]  # float64 all of them; numpy's own signatures say no more
Ints = NDArray[np.integer[Any]]
Bools = NDArray[np.bool_]
Codes = NDArray[Any]  # values of any kind that tell rows apart


def sums_by(codes: Ints, values: NDArray[Any], n_codes: int = 0) -> Floats:
    """Return the sum of ``values`` per code 0…G−1, at least ``n_codes`` of them."""
    sums: Floats = np.bincount(codes, weights=values, minlength=n_codes).astype(float, copy=False)
    return sums
