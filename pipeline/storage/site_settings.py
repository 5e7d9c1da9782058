"""One file of config/ as its model: what is wrong with it, by key."""

from __future__ import annotations

import json
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.home import Home
from transforms.errors import ConfigError

Settings = TypeVar("Settings", bound=BaseModel)


def schema_of(model: type[BaseModel]) -> str:
    """Return the JSON Schema of a settings file, as config/schema/ holds it."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(schema | model.model_json_schema(), indent=2) + "\n"


def read_settings(home: Home, name: str, model: type[Settings], remedy: str) -> Settings:
    """Read config/<name>; without the file the model's defaults hold.

    Raises
    ------
    ConfigError
        With the key: not YAML, an unknown key or a wrong value. The value itself is not shown.
    """
    path, where = home.config / name, f"config/{name}"
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        return model.model_validate(YAML(typ="safe").load(text) or {})
    except (YAMLError, UnicodeDecodeError):
        raise ConfigError(where, "not valid YAML", "Check the indentation") from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        said = first["msg"].removeprefix("Value error, ")
        raise ConfigError(where, f"{key}: {said}" if key else said, remedy) from None
