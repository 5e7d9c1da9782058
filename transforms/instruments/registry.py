"""The instrument registry: every questionnaire definition, validated when it is loaded.

One YAML file per instrument, version, rater and language. Adding an instrument is adding a
file. A definition that contradicts itself is refused with file, key and remedy.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from transforms.errors import ConfigError, DefinitionError
from transforms.instruments.definition import Instrument
from transforms.instruments.known import Known, load_known

SCHEMA_PATH = "config/schema/instrument.schema.json"
_REMEDIES = {
    "missing": "Add it",
    "extra_forbidden": f"Remove it or correct its spelling; {SCHEMA_PATH} lists the known keys",
}
_SOURCE_REMEDY = "Say where the value comes from: paper, manual or standard"


@dataclass(frozen=True)
class Registry:
    """All definitions, in a fixed order. ``known``: what drafts know beside them."""

    instruments: tuple[Instrument, ...]
    known: Known = field(default_factory=Known)

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Instrument ids, sorted, each once."""
        return tuple(sorted({instrument.instrument_id for instrument in self.instruments}))

    @cached_property
    def fingerprint(self) -> str:
        """Hash over all definitions: equal exactly where every definition is equal."""
        lines = (f"{'/'.join(i.key)}={i.definition_version}" for i in self.instruments)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    @cached_property
    def score_fingerprint(self) -> str:
        """Hash over what makes a number: unchanged by a corrected source, note or cut-off."""
        lines = (f"{'/'.join(i.key)}={i.score_version}" for i in self.instruments)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    @cached_property
    def _by_id(self) -> dict[str, tuple[Instrument, ...]]:
        groups: dict[str, list[Instrument]] = defaultdict(list)
        for instrument in self.instruments:
            groups[instrument.instrument_id].append(instrument)
        return {name: tuple(group) for name, group in groups.items()}

    def find(
        self,
        instrument_id: str,
        version: str | None = None,
        rater: str | None = None,
        language: str | None = None,
    ) -> Instrument | None:
        """Return the definition that applies, or None where there is none.

        Without a rater it is the client form, else the only other one. Without a version it is
        the default version of that rater. A language without a definition of its own falls back
        to the definition for any language.
        """
        versions = self._by_id.get(instrument_id, ())
        raters = {form.rater for form in versions}
        if rater is None:
            rater = next(iter(raters)) if len(raters) == 1 else "client"
        forms = [form for form in versions if form.rater == rater]
        default = next((form for form in forms if form.is_default), None)
        if default is None:
            return None
        by_language = {
            form.language: form for form in forms if form.version == (version or default.version)
        }
        if language is None and default in by_language.values():
            return default
        return by_language.get(language or "any") or by_language.get("any")


def load_registry(folder: Path) -> Registry:
    """Read and check every definition in ``folder``.

    Raises
    ------
    ConfigError
        A file is not YAML, does not fit the model, contradicts itself or another file.
    """
    paths = sorted(folder.glob("*.yml"))
    if not paths:
        raise ConfigError(
            folder.name, "holds no instrument definition", "Add a .yml file per instrument"
        )
    instruments = [(path.name, _read_instrument(path)) for path in paths]
    _refuse_duplicates(instruments)
    _refuse_unclear_defaults(instruments)
    ordered = tuple(sorted((i for _, i in instruments), key=lambda i: i.key))
    return Registry(ordered, load_known(folder.parent / "known"))


def schema_text() -> str:
    """Return the JSON Schema of a definition, for editors, as it is committed."""
    schema = Instrument.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


class _StrictLoader(yaml.CSafeLoader):
    """YAML that refuses a key written twice instead of keeping the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = Counter(key.value for key, _ in node.value)
        for key, times in keys.items():
            if times > 1:
                raise yaml.MarkedYAMLError(problem=f"{key} is written {times} times")
        return super().construct_mapping(node, deep=deep)


def _read_instrument(path: Path) -> Instrument:
    try:
        # A subclass of the safe loader: it builds plain values only.
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_StrictLoader)
    except (yaml.MarkedYAMLError, yaml.YAMLError, UnicodeDecodeError) as error:
        what = getattr(error, "problem", None) or "is not UTF-8 text"
        raise ConfigError(path.name, f"cannot be read: {what}", "Correct the file") from error
    if not isinstance(content, dict):
        raise ConfigError(path.name, "holds no definition", "Write one mapping, see config/schema")
    try:
        return Instrument.model_validate(content)
    except ValidationError as error:
        raise _config_error(path.name, error) from error


def _config_error(file: str, error: ValidationError) -> ConfigError:
    problems = error.errors()
    first = problems[0]
    location = [str(part) for part in first["loc"]]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, DefinitionError):
        where = ".".join([*location, cause.key])
        return ConfigError(f"{file}:{where}", f"{cause.what}{more}", cause.remedy)
    remedy = _REMEDIES.get(first["type"], f"Correct the value; {SCHEMA_PATH} says what is possible")
    if location[-1:] in (["source"], ["evidence"]):
        remedy = _SOURCE_REMEDY
    what = first["msg"].rstrip(".")
    return ConfigError(f"{file}:{'.'.join(location)}", f"{what}{more}", remedy)


def _refuse_duplicates(instruments: list[tuple[str, Instrument]]) -> None:
    seen: dict[tuple[str, ...], str] = {}
    for file, instrument in instruments:
        if instrument.key in seen:
            raise ConfigError(
                f"{file}:instrument_id",
                f"{' '.join(instrument.key)} is already defined in {seen[instrument.key]}",
                "Keep one of the two files, or give the second its own version",
            )
        seen[instrument.key] = file


def _refuse_unclear_defaults(instruments: list[tuple[str, Instrument]]) -> None:
    groups: dict[tuple[str, str], list[tuple[str, Instrument]]] = defaultdict(list)
    for file, instrument in instruments:
        groups[instrument.instrument_id, instrument.rater].append((file, instrument))
    for (name, rater), group in groups.items():
        defaults = [file for file, instrument in group if instrument.is_default]
        if len(defaults) != 1:
            raise ConfigError(
                f"{(defaults or [group[0][0]])[-1]}:is_default",
                f"{name} rated by {rater} has {len(defaults)} default versions",
                "Set is_default: true in exactly one of them",
            )
