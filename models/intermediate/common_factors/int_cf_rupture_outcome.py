"""Outcome by rupture class, one row per scope, detector, pair of forms and class."""

import pyarrow as pa

from transforms.common_factors.rupture_outcome import KEYS, SUMS, rupture_outcome

STRATA = ", ".join(["stratum", "clinic_id", "clinic_group", *KEYS])
ROWS = ", ".join(["stratum", "class_code", *SUMS])
ESTIMATES = [
    "reliably_improved_percent",
    "dropout_percent",
    *(
        f"{measure}_vs_{reference}"
        for reference in ("none", "unrepaired")
        for measure in ("improvement", "reliably_improved_percent", "dropout_percent")
    ),
    "repair_r",
]
SCHEMA = pa.schema(
    [
        ("scope_level", pa.string()),
        ("scope_id", pa.string()),
        *((key, pa.string()) for key in KEYS),
        ("rupture_class", pa.string()),
        ("estimate", pa.float64()),
        ("ci_low", pa.float64()),
        ("ci_high", pa.float64()),
        ("ci_level", pa.float64()),
        ("n_used", pa.int64()),
        ("reason", pa.string()),
        ("n_clients", pa.int64()),
        ("n_therapists", pa.int64()),
        ("mean_sessions", pa.float64()),
        ("sd_improvement", pa.float64()),
        *(
            (f"{name}{end}", pa.float64())
            for name in ESTIMATES
            for end in ("", "_ci_low", "_ci_high")
        ),
        *(
            (f"n_{name}{known}", pa.int64())
            for name in ("reliably_improved", "dropout")
            for known in ("", "_known")
        ),
    ]
)


def model(dbt, session):
    """Estimate every scope from the sums."""
    dbt.config(materialized="table")
    sums = dbt.ref("int_cf_rupture_moments")
    strata = sums.project(STRATA).distinct().fetchnumpy()
    # A stratum and a class name one row, so this is a full order.
    rows = sums.project(ROWS).order("stratum, class_code").fetchnumpy()
    return pa.Table.from_pylist(rupture_outcome(strata, rows), schema=SCHEMA)
