"""Build columns of the canonical tables: identifiers, words, whole numbers, dates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True)
class Visits:
    """All attended sessions in long form: where each one sits in the matrices."""

    episode: np.ndarray
    number: np.ndarray  # 0-based
    start: np.ndarray
    therapist: np.ndarray


def identifiers(prefix: str, numbers: np.ndarray, width: int = 6) -> pa.Array:
    """Return identifiers such as HC000012; a negative number gives no identifier."""
    text = pc.utf8_lpad(pa.array(numbers).cast(pa.string()), width, "0")
    joined = pc.binary_join_element_wise(pa.scalar(prefix), text, "")
    return pc.if_else(pa.array(numbers >= 0), joined, None)


def words(options: tuple[str, ...], codes: np.ndarray) -> pa.Array:
    """Return the word of each code; a negative code gives no value."""
    known = pa.array(codes, mask=codes < 0)
    return pa.array(options, pa.string()).take(known)


def whole(values: np.ndarray, kind: pa.DataType | None = None) -> pa.Array:
    """Return whole numbers, no value where the input is not a number."""
    missing = np.isnan(values)
    numbers = np.where(missing, 0, values).astype(np.int64)
    return pa.array(numbers, kind or pa.int64(), mask=missing)


def days(values: np.ndarray) -> pa.Array:
    """Return dates; not-a-time gives no value."""
    return pa.array(values.astype("datetime64[D]"), pa.date32())
