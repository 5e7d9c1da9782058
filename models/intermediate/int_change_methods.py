"""Every change method for every outcome instrument in use, as a rule or with what is lacking."""

from transforms.arrow import table_of
from transforms.instruments.change_methods import ChangeRule, change_rule


def model(dbt, session):
    """Cross methods, primary outcome scales of clients and carers, and the sample here."""
    samples = {
        _use(row): row
        for row in _rows(dbt.ref("int_change_reference"), "instrument_id, version, rater")
    }
    scales = _rows(
        dbt.ref("int_scales").filter(
            "rater in ('client', 'observer') and family = 'outcome' and is_primary"
        ),
        "instrument_id, version, rater",
    )
    methods = _rows(dbt.ref("change_methods"), "method")
    rules = [
        change_rule(method, scale, samples[_use(scale)])
        for method in methods
        for scale in scales
        if _use(scale) in samples and method["instrument_id"] in (None, scale["instrument_id"])
    ]
    return table_of(ChangeRule, rules)


def _use(row):
    return row["instrument_id"], row["version"], row["rater"]


def _rows(relation, order):
    return relation.order(order).to_arrow_table().to_pylist()
