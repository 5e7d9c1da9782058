"""Typed rows as Arrow tables, and their columns as numbers: what estimates take and give."""

from collections.abc import Iterable, Mapping
from types import NoneType
from typing import get_args, get_type_hints

import numpy as np
import pyarrow as pa

TYPES = {str: pa.string(), float: pa.float64(), int: pa.int64(), bool: pa.bool_()}


def schema_of(row: type) -> pa.Schema:
    """Return the Arrow schema of a TypedDict or dataclass."""
    return pa.schema([(name, _type_of(kind)) for name, kind in get_type_hints(row).items()])


def table_of(row: type, records: Iterable[Mapping[str, object]]) -> pa.Table:
    """Return the records as a table; what a record does not hold is NULL."""
    return pa.Table.from_pylist(list(records), schema=schema_of(row))


def table_of_columns(row: type, n: int, columns: Mapping[str, object]) -> pa.Table:
    """Return ``n`` rows from some columns, each an array or one value for all; the rest is NULL.

    NaN is NULL.
    """
    schema = schema_of(row)
    nothing = {field.name: pa.nulls(n, field.type) for field in schema}
    given = {
        name: pa.array(column, schema.field(name).type, from_pandas=True)
        if isinstance(column, np.ndarray)
        else pa.repeat(pa.scalar(column, schema.field(name).type), n)
        for name, column in columns.items()
    }
    return pa.table(nothing | given, schema=schema)


def numbers_of(table: pa.Table) -> dict[str, np.ndarray]:
    """Return every column as an array: numbers with NaN for NULL, texts with None."""
    return {name: _array_of(table[name]) for name in table.column_names}


def _type_of(kind: type) -> pa.DataType:
    (known,) = {*(get_args(kind) or (kind,))} - {NoneType}
    return TYPES[known]


def _array_of(column: pa.ChunkedArray) -> np.ndarray:
    # DuckDB's sums of whole numbers are decimals, and a truth value with NULL would be an object.
    if pa.types.is_decimal(column.type) or (pa.types.is_boolean(column.type) and column.null_count):
        column = column.cast(pa.float64())
    values: np.ndarray = column.to_numpy(zero_copy_only=False)
    return values
