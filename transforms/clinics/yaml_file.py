"""Reading a clinic's YAML: text in, `Clinic` out, errors with file, line and key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from transforms.clinics.clinic import Clinic, Feed, canonical_clinic
from transforms.clinics.expected import Expects
from transforms.clinics.problems import problems
from transforms.errors import ConfigError
from transforms.formats.format import Problem
from transforms.formats.recognition.registry import blocks
from transforms.formats.shapes.options import Long, Wide

Keys = tuple[str | int, ...]
Places = dict[Keys, tuple[str, int]]  # file and line of each key
_NULLS = ("", "~", "null")
_REMEDY = "See docs/clinic-yaml.md"
# Anchors written out: a clinic's YAML has some hundred values; one kilobyte can name a billion.
MOST_VALUES = 50_000


def read_clinic_yaml(path: Path) -> Clinic:
    """Read and check one clinic's file.

    Raises
    ------
    ConfigError
        Not YAML, or all that is wrong with the keys, one line each: unknown or missing ones, wrong
        values, and what does not fit together.
    """
    content, lines = _with_parents(path, ())
    found: list[Problem] = []
    if content.get("clinic", path.stem) != path.stem:
        found.append((("clinic",), f"the file is called {path.name}", "Use the same name"))
    try:
        clinic = Clinic.model_validate(content)
    except ValidationError as error:
        found += map(_problem, error.errors(include_input=False, include_url=False))
        found += _problems_of_the_rest(content, error)
    else:
        found += problems(clinic)
    if found:
        raise _error(path, lines, found)
    return clinic


def load_clinic(folder: Path, clinic: str) -> Clinic:
    """Read ``folder/<clinic>.yml``; a clinic without one sends canonical files.

    Raises
    ------
    ConfigError
        The file is wrong: names file, line and key.
    """
    path = folder / f"{clinic}.yml"
    return read_clinic_yaml(path) if path.exists() else canonical_clinic(clinic)


def clinic_schema() -> str:
    """Return the JSON Schema of a clinic's YAML, as it lies in config/schema.

    ``clinic`` is not required: files that others extend have none. Reading a clinic requires it.
    """
    schema = Clinic.model_json_schema(by_alias=True)
    del schema["required"]
    return json.dumps(schema, indent=2) + "\n"


def _with_parents(path: Path, below: tuple[Path, ...]) -> tuple[dict[str, Any], Places]:
    """Read a file and what it extends: maps merge, lists and values replace.

    Parameters
    ----------
    below : files that extend this one, directly or not
    """
    content, lines = _compose(path)
    if not isinstance(content, dict):
        raise ConfigError(path.name, "the file holds no keys", _REMEDY)
    if below and "clinic" in content:
        what = "a file that others extend is no clinic"
        raise _error(path, lines, [(("clinic",), what, "Take the key out")])
    if "extends" not in content:
        return content, lines
    named = content.pop("extends")
    if not isinstance(named, str):
        what = "is not the name of one file"
        raise _error(path, lines, [(("extends",), what, "Write one group's name or file")])
    parent = _parent(path, named)
    if parent in (path.resolve(), *below):
        what = "the files extend each other in a circle"
        raise _error(path, lines, [(("extends",), what, "Take one `extends` out")])
    if not parent.is_file():
        what = f"there is no file {named}"
        raise _error(path, lines, [(("extends",), what, "Correct the name, or write the file")])
    base, places = _with_parents(parent, (*below, path.resolve()))
    return _merged(base, content, (), places), places | lines


def _parent(path: Path, named: str) -> Path:
    """Return the file ``extends`` names: a path from here, or a name in the folder groups/."""
    if named.endswith((".yml", ".yaml")):
        return (path.parent / named).resolve()
    folder = path.parent if path.parent.name == "groups" else path.parent / "groups"
    return (folder / f"{named}.yml").resolve()


def _merged(
    base: dict[str, Any], own: dict[str, Any], keys: Keys, places: Places
) -> dict[str, Any]:
    """Lay a file's keys over those it extends; forget the places of what is replaced."""
    merged = dict(base)
    for key, value in own.items():
        inner = (*keys, key)
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            merged[key] = _merged(base[key], value, inner, places)
            continue
        merged[key] = value
        for place in [place for place in places if place[: len(inner)] == inner]:
            del places[place]
    return merged


def _compose(path: Path) -> tuple[object, Places]:
    try:
        node = YAML().compose(path.read_text(encoding="utf-8"))
        reading = _Reading(path)
        content = reading.plain(node, ()) if node else None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(
            f"{path.name}:{line}", f"not valid YAML ({error.problem})", "Check the indentation"
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(path.name, "the file is not UTF-8", "Save it as UTF-8") from None
    except OSError as error:
        what = f"the file cannot be read ({error.strerror})"
        raise ConfigError(path.name, what, "Give the right to read it") from None
    except RecursionError:
        raise ConfigError(path.name, "values lie too deep in each other", _REMEDY) from None
    if reading.twice:
        found = [(keys, "the key is there twice", "Keep one") for keys in reading.twice]
        raise _error(path, reading.lines, found)
    return content, reading.lines


class _Reading:
    """Turns nodes into dicts, lists and the texts as written, noting each key's line."""

    def __init__(self, path: Path) -> None:
        self.path, self.n_values = path, 0
        self.lines: Places = {}
        self.twice: list[Keys] = []

    def plain(self, node: Node, keys: Keys) -> object:
        """Return what a node holds; a value named by several aliases is counted each time."""
        line = node.start_mark.line + 1
        self.lines.setdefault(keys, (self.path.name, line))
        self.n_values += 1
        if self.n_values > MOST_VALUES:
            what = f"aliases (*name) repeat their anchors to more than {MOST_VALUES:,} values"
            raise ConfigError(f"{self.path.name}:{line}", what, "Write the values out")
        if isinstance(node, ScalarNode):
            return None if node.style is None and node.value in _NULLS else node.value
        if isinstance(node, SequenceNode):
            return [self.plain(child, (*keys, place)) for place, child in enumerate(node.value)]
        assert isinstance(node, MappingNode)
        content: dict[str, object] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, ScalarNode) else str(key.tag)
            inner = (*keys, name)
            self.lines[inner] = (self.path.name, key.start_mark.line + 1)
            if name in content:
                self.twice.append(inner)
            content[name] = self.plain(value, inner)
        return content


def _problem(error: ErrorDetails) -> Problem:
    keys = tuple(error["loc"])
    if error["type"] == "extra_forbidden":
        known = _model_of(keys)
        names = [field.alias or name for name, field in known.model_fields.items()]
        similar = get_close_matches(str(keys[-1]), names, n=1)
        remedy = f"Did you mean {similar[0]}" if similar else f"Known are {', '.join(names)}"
        return keys, "the key is not known", remedy
    if error["type"] == "missing":
        return keys, "the key is missing", "Add it"
    return keys, error["msg"].removeprefix("Value error, "), _REMEDY


def _problems_of_the_rest(content: dict[str, Any], error: ValidationError) -> Iterator[Problem]:
    """Yield what does not fit together in the feeds that are right in themselves."""
    places = [tuple(one["loc"]) for one in error.errors()]
    if any(keys[0] != "feeds" or len(keys) == 1 for keys in places):
        return  # What a feed may say depends on the keys above it.
    wrong = {keys[1] for keys in places}
    feeds = content["feeds"]
    right = [place for place, _ in enumerate(feeds) if place not in wrong]
    if right:
        clinic = Clinic.model_validate(content | {"feeds": [feeds[place] for place in right]})
        for keys, what, remedy in problems(clinic):
            is_feed = keys[0] == "feeds"
            yield (("feeds", right[int(keys[1])], *keys[2:]) if is_feed else keys), what, remedy


def _model_of(keys: Keys) -> type[BaseModel]:
    """Return the part of the YAML whose keys stand at this depth."""
    if keys[0] == "feeds" and len(keys) == 3:
        return Feed
    if keys[0] == "feeds" and len(keys) == 4:
        shapes: dict[str | int, type[BaseModel]] = {"wide": Wide, "long": Long}
        return shapes.get(keys[2], Feed)
    named: dict[str | int, type[BaseModel]] = {block.key: block.model for block in blocks()}
    named["expects"] = Expects
    return named.get(keys[0], Clinic) if len(keys) == 2 else Clinic


def _error(path: Path, lines: Places, found: list[Problem]) -> ConfigError:
    """Describe all that is wrong by line, the clinic's own file before those it extends."""

    def place(problem: Problem) -> tuple[bool, int]:
        file, line = _line_of(path, lines, problem[0])
        return file != path.name, line

    described = []
    for keys, what, remedy in sorted(found, key=place):
        shown = ".".join(str(key + 1) if isinstance(key, int) else key for key in keys)
        file, line = _line_of(path, lines, keys)
        described.append((f"{file}:{line}", f"{shown}: {what}" if shown else what, remedy))
    first, *others = (ConfigError(*one) for one in dict.fromkeys(described))
    return first.with_others(others)


def _line_of(path: Path, lines: Places, keys: Keys) -> tuple[str, int]:
    """Return file and line of the innermost key that stands in the file."""
    while keys and keys not in lines:
        keys = keys[:-1]
    return lines.get(keys, (path.name, 1))
