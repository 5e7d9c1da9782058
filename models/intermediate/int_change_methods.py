"""Every change method for every outcome instrument in use, as a rule or with what is lacking."""

import pyarrow as pa

from transforms.instruments.change_methods import RULE_COLUMNS, change_rule

NUMBERS = {
    *("post_weight", "pre_weight", "constant", "critical", "start_cutoff", "end_cutoff"),
    *("sd", "mean", "reliability"),
}
WHOLE = {"direction", "n_reference"}
SCHEMA = pa.schema(
    [
        (
            name,
            pa.float64() if name in NUMBERS else pa.int64() if name in WHOLE else pa.string(),
        )
        for name in RULE_COLUMNS
    ]
)


def model(dbt, session):
    """Cross methods, primary client-rated outcome scales and the sample of this installation."""
    dbt.config(materialized="table")
    samples = {
        (row["instrument_id"], row["version"]): row
        for row in _rows(dbt.ref("int_change_reference"), "instrument_id, version")
    }
    scales = _rows(
        dbt.ref("int_scales").filter("rater = 'client' and family = 'outcome' and is_primary"),
        "instrument_id, version",
    )
    methods = _rows(dbt.ref("change_methods"), "method")
    rules = [
        change_rule(method, scale, samples[scale["instrument_id"], scale["version"]])
        for method in methods
        for scale in scales
        if (scale["instrument_id"], scale["version"]) in samples
        and method["instrument_id"] in (None, scale["instrument_id"])
    ]
    return pa.Table.from_pylist(rules, schema=SCHEMA)


def _rows(relation, order):
    return relation.order(order).to_arrow_table().to_pylist()
