"""For sqlfluff only: what dbt puts into the Jinja context, so that our own macros can be rendered.

sqlfluff's plain Jinja templater lints the project in seconds; the dbt templater takes minutes.
Where a macro dispatches by dialect, a call of a function of that name stands in for its SQL.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

_PROJECT = yaml.safe_load(
    (Path(__file__).resolve().parents[2] / "dbt_project.yml").read_text(encoding="utf-8")
)


def var(name: str, default: Any = None) -> Any:
    """Return a project variable."""
    return _PROJECT["vars"].get(name, default)


def env_var(name: str, default: str = "") -> str:
    """Return the default, so that linting needs no environment."""
    return default or name


class _Adapter:
    """Stands in for dbt's adapter."""

    def dispatch(self, name: str) -> Callable[..., str]:
        def call(*arguments: Any) -> str:
            if name == "anti_join":
                return "anti join"
            texts = (", ".join(a) if isinstance(a, list) else str(a) for a in arguments)
            return f"{name}({', '.join(texts)})".replace(" desc", "")

        return call


class _CrossDatabase:
    """Stands in for dbt's own cross-database macros."""

    def date_trunc(self, part: str, column: str) -> str:
        return f"date_trunc('{part}', {column})"

    def type_string(self) -> str:
        return "varchar"


adapter = _Adapter()
dbt = _CrossDatabase()
globals()["return"] = lambda value: value  # a word Python keeps for itself
