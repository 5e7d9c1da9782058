"""Every change method for every outcome instrument in use, as a rule or with what is lacking."""

from transforms.arrow import table_of
from transforms.instruments.change_methods import ChangeRule, change_rule


def model(dbt, session):
    """Cross methods, primary client-rated outcome scales and the sample of this installation."""
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
    return table_of(ChangeRule, rules)


def _rows(relation, order):
    return relation.order(order).to_arrow_table().to_pylist()
