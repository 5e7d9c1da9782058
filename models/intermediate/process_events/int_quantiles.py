"""Two-sided 95 % quantiles, computed: Student's t by degrees of freedom, NULL the normal."""

import pyarrow as pa

from transforms.statistics.estimate import two_sided_t, two_sided_z

FREEDOMS = range(1, 11)
SCHEMA = pa.schema([("freedom", pa.int64()), ("quantile", pa.float64())])


def model(dbt, session):
    """List the quantiles that SQL needs; SQL types none."""
    rows = [{"freedom": None, "quantile": two_sided_z(0.95)}]
    rows += [{"freedom": n, "quantile": two_sided_t(n, 0.95)} for n in FREEDOMS]
    return pa.Table.from_pylist(rows, schema=SCHEMA)
