"""All kinds of check: what a rule of config/rules.yml may ask for, and the schema of that.

Every module of this folder is imported, so that a kind is known by being there.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal, Union

from pydantic import Field, GetJsonSchemaHandler, TypeAdapter, create_model
from pydantic_core import CoreSchema, core_schema

from expectations import checks
from expectations.checks.check import KINDS, Check, Strict

for _module in pkgutil.iter_modules(checks.__path__):
    importlib.import_module(f"{checks.__name__}.{_module.name}")


def _one_of(kinds: Iterable[type[Strict]]) -> TypeAdapter[Check]:
    # Known only when all modules are imported, so no checker can follow it.
    union: Any = Annotated[Union[tuple(kinds)], Field(discriminator="kind")]  # noqa: UP007
    return TypeAdapter(union)


_reader = lru_cache(maxsize=1)(_one_of)


def _read(check: Any) -> Check:
    return _reader(tuple(KINDS[kind] for kind in sorted(KINDS))).validate_python(check)


@dataclass(frozen=True)
class _ByKind:
    """Reads a check as the class of its kind, those declared after the catalogue included."""

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(_read)

    def __get_pydantic_json_schema__(
        self, _schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Kinds without keys of their own share one definition."""
        bare = tuple(k for k in sorted(KINDS) if len(KINDS[k].model_fields) == 1)
        names: Any = Literal[bare]
        generated = create_model(
            "Generated",
            __base__=Strict,
            __doc__="A check that is told nothing: contract, registry and delivery say it all.",
            kind=(names, ...),
        )
        told = (KINDS[kind] for kind in sorted(KINDS) if kind not in bare)
        return handler(_one_of((generated, *told)).core_schema)


AnyCheck = Annotated[Check, _ByKind()]
