"""The cf_ tables as declared: rows agree with contracts, and any engine's Arrow will do."""

import importlib
import pkgutil

import pyarrow as pa
import pytest

from docs_build.dictionary import described_tables
from expectations.published.promises import MARTS
from transforms import common_factors
from transforms.arrow import schema_of
from transforms.common_factors.alliance import ALLIANCE_OUTCOME
from transforms.common_factors.table import CfTable

# Tables without a headline estimate of a scope, which has no natural bounds to declare.
PER_CLIENT = {"cf_alliance_ruptures", "cf_alliance_trajectory"}
PER_CLIENT |= {"cf_congruence_clients", "cf_congruence_sessions"}
# One estimate model fills several tables.
FILLS = {
    "ALLIANCE_TRAJECTORY": ("cf_alliance_trajectory", "cf_alliance_trajectory_summary"),
    "MEASURE_OUTCOME": (
        "cf_core_conditions",
        "cf_goal_consensus_collaboration",
        "cf_empathy_outcome",
        "cf_attachment_alliance",
        "cf_countertransference",
    ),
}
TYPES = {"string": "varchar", "double": "double", "int64": "bigint", "bool": "boolean"}
PUBLISHED = {table.name: table for table in described_tables() if table.name.startswith("cf_")}


def _declared():
    return {
        name: value
        for module in pkgutil.iter_modules(common_factors.__path__)
        for name, value in vars(
            importlib.import_module(f"{common_factors.__name__}.{module.name}")
        ).items()
        if isinstance(value, CfTable)
    }


DECLARED = _declared()


@pytest.mark.parametrize("name", DECLARED)
def test_a_row_and_the_contract_of_its_table_agree(name):
    """A column of a row has the type that the published table promises."""
    schema = schema_of(DECLARED[name].row)
    for table in FILLS.get(name, (f"cf_{name.lower()}",)):
        shared = [column for column in PUBLISHED[table].columns if column.name in schema.names]

        assert "ci_level" in {column.name for column in shared}
        assert {column.name: column.data_type for column in shared} == {
            column.name: TYPES[str(schema.field(column.name).type)] for column in shared
        }


def test_every_table_of_estimates_declares_its_bounds():
    """What a number cannot be stands with the model, and no list elsewhere can miss a table."""
    assert {mart.table for mart in MARTS} == PUBLISHED.keys() - PER_CLIENT


def test_a_bound_is_about_a_column_of_its_table():
    for mart in MARTS:
        columns = {column.name: column for column in PUBLISHED[mart.table].columns}
        for bound in mart.bounds:
            assert bound.column in columns, f"{mart.table}.{bound.column}"
            if bound.where:
                column, value = bound.where
                assert value in (columns[column].values or (value,))
                assert column in columns


CANDIDATES = pa.table(
    {
        "stratum": [0, 0, 0, 0, 1, 1, 1, 1],
        "clinic_id": ["north"] * 4 + ["south"] * 4,
        "clinic_group": pa.array([None] * 8, pa.string()),
        "alliance_instrument_id": ["wai_sr"] * 8,
        "outcome_instrument_id": ["phq9"] * 8,
        "therapist_code": [1, 1, 2, 2, 3, 3, 4, 4],
        "alliance_pomp": [50.0, 62.0, 71.0, 80.0, 41.0, 55.0, 68.0, 90.0],
        "is_at_ceiling": [0.0] * 8,
        "score_before_alliance": [-15.0, -15.0, -12.0, -18.0, -10.0, -11.0, -17.0, -9.0],
        "pre_score": [-18.0, -15.0, -16.0, -20.0, -11.0, -14.0, -17.0, -12.0],
        "post_score": [-12.0, -9.0, -11.0, -8.0, -10.0, -9.0, -6.0, -4.0],
    }
)


def test_the_rows_do_not_hang_on_the_order_of_candidates():
    """Another engine may hand over the same frame in any order."""
    turned = CANDIDATES.take(pa.array([7, 2, 5, 0, 3, 6, 1, 4]))

    rows = ALLIANCE_OUTCOME.fill(CANDIDATES)

    assert rows.schema == schema_of(ALLIANCE_OUTCOME.row)
    assert rows["scope_level"].to_pylist() == ["overall", "clinic", "clinic"]
    assert rows["n_clients"].to_pylist() == [8, 4, 4]
    assert ALLIANCE_OUTCOME.fill(turned).equals(rows)


def test_a_stratum_of_which_nobody_is_wanted_leaves_no_gap():
    """Strata are numbered before the candidates are filtered: 1 and 4 are what is left here."""
    gaps = CANDIDATES.set_column(0, "stratum", pa.array([1] * 4 + [4] * 4))

    assert ALLIANCE_OUTCOME.fill(gaps).equals(ALLIANCE_OUTCOME.fill(CANDIDATES))
