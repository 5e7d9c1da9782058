"""config/disclosure.yml speaks of every aggregate table, and of every column the contracts have."""

from __future__ import annotations

import re

import pytest
from ruamel.yaml import YAML

from tests.transforms.disclosure.made_tables import ROOT, structure
from transforms.disclosure.structure import CountSum, Term, read_structure
from transforms.errors import ConfigError

TEXT = (ROOT / "config" / "disclosure.yml").read_text(encoding="utf-8")


def contracts() -> dict[str, dict[str, str]]:
    """Return column -> type of every table under models/marts, as its YAML promises it."""
    found = {}
    for path in sorted((ROOT / "models" / "marts").rglob("*.yml")):
        for model in YAML(typ="safe").load(path.read_text(encoding="utf-8")).get("models", []):
            columns = {c["name"]: c.get("data_type", "") for c in model.get("columns", [])}
            found[f"{path.parent.name}.{model['name']}"] = columns
    return found


def test_every_column_of_a_public_table_has_a_role():
    promised = contracts()
    between_clinics = {*structure().everywhere["left_out"]}  # not every table compares clinics
    for name, table in structure().tables.items():
        assert {*promised[name]} <= {*table.roles}, name
        assert {*table.roles} - {*promised[name]} <= between_clinics, name


def test_every_common_factors_table_is_public_or_says_why_not():
    tables = {name for name in contracts() if name.startswith("common_factors.cf_")}

    assert tables == {
        name
        for name in (*structure().tables, *structure().not_public)
        if name.startswith("common_factors.cf_")
    }


def test_no_key_of_a_person_is_public():
    for table in structure().tables.values():
        assert not [column for column in table.public_columns if column.endswith("_key")]


def test_every_whole_number_is_a_count_or_declared_harmless():
    promised = contracts()
    harmless = {"line_number", "session_number", "starts_after_session"}
    for name, table in structure().tables.items():
        whole = {c for c, kind in promised[name].items() if kind == "bigint"}
        assert whole <= {*table.counts, *table.staff, *table.left_out, *harmless}, name


def test_every_fraction_is_a_statistic_or_of_the_literature():
    promised = contracts()
    for name, table in structure().tables.items():
        for column, kind in promised[name].items():
            if kind == "double" and table.roles[column] == "said":
                assert column.startswith("benchmark_") or column in ("ci_level", "margin"), name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((r"counts: \[n_events, ", "counts: ["), "n_events is named as a count"),
        ((r"threshold: 11", "threshold: 1"), "threshold"),
        ((r"base: 5 ", "basis: 5 "), "basis"),
        ((r"said: \[denominator\]", "said: [metric]"), "two roles"),
        ((r"share: \[n_events, n_episodes\]", "share: [n_episodes], span: 1"), "one of share"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(change, message):
    with pytest.raises(ConfigError, match=message):
        read_structure(re.sub(*change, TEXT, count=1))


def test_a_sum_is_read_as_written():
    found = CountSum.model_validate("when a=1|2, b=x: n[k=v] + ~rest{a, b} = ~all{}")

    assert found.when == {"a": "1|2", "b": "x"}
    assert found.terms == (
        (1, Term(name="n", at={"k": "v"})),
        (1, Term(name="rest", is_unpublished=True, by=("a", "b"))),
        (-1, Term(name="all", is_unpublished=True, by=())),
    )
