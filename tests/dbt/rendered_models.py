"""The SQL of models, rendered without dbt, so that a test can run it on rows of its own.

Every ref is the plain name of a relation. The macros are the project's own; what dispatches by
dialect takes the DuckDB variant where there is one.
"""

from pathlib import Path
from types import SimpleNamespace

import jinja2
import yaml

from tests.conftest import ROOT

_TESTS_OF_DBT = "generic_tests.sql"
_VARS = yaml.safe_load((ROOT / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]


def rendered(model: str) -> str:
    """Return the SQL of the model of this name."""
    (path,) = (ROOT / "models").rglob(f"{model}.sql")
    return _ENVIRONMENT.from_string(path.read_text(encoding="utf-8")).render()


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(extensions=["jinja2.ext.do"])
    environment.globals |= {
        "ref": lambda name: name,
        "source": lambda _schema, table: table,
        "config": lambda **_: "",
        "var": lambda name, default=None: _VARS.get(name) if default is None else default,
        "return": lambda value: value,
        "dbt": SimpleNamespace(
            type_string=lambda: "varchar",
            date_trunc=lambda part, column: f"date_trunc('{part}', {column})",
        ),
        "adapter": SimpleNamespace(dispatch=lambda name: _variant(environment, name)),
    }
    for path in sorted((ROOT / "macros").glob("*.sql")):
        if path.name != _TESTS_OF_DBT:
            environment.globals |= _macros_of(environment, path)
    return environment


def _macros_of(environment: jinja2.Environment, path: Path) -> dict:
    module = environment.from_string(path.read_text(encoding="utf-8")).module
    return {
        name: macro
        for name, macro in vars(module).items()
        if isinstance(macro, jinja2.runtime.Macro)
    }


def _variant(environment: jinja2.Environment, name: str) -> jinja2.runtime.Macro:
    found = environment.globals.get(f"duckdb__{name}")
    return found or environment.globals[f"default__{name}"]


_ENVIRONMENT = _environment()
