"""What is known of questionnaires beside their definitions: answers as words, other names.

Drafts use it, scores never. Each entry says whether it was read somewhere or is from memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from transforms.errors import ConfigError

Content = TypeVar("Content")
Evidence = Literal["verified", "from_memory"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ResponseSet(_Strict):
    """Answers from the lowest code to the highest."""

    answers: Annotated[tuple[str, ...], Field(min_length=2)]
    of: str
    language: str
    evidence: Evidence
    source: str | None = None

    @model_validator(mode="after")
    def _has_a_source(self) -> ResponseSet:
        if self.evidence == "verified" and not self.source:
            raise ValueError("verified needs a source")
        return self


class OtherQuestionnaires(_Strict):
    """Short names of questionnaires the registry lacks."""

    evidence: Evidence
    names: frozenset[str]


@dataclass(frozen=True)
class Known:
    """response_sets : answers of each set. other_questionnaires : short names."""

    response_sets: tuple[tuple[str, ...], ...] = ()
    other_questionnaires: frozenset[str] = frozenset()


def load_known(folder: Path) -> Known:
    """Read both files; what is not there is not known.

    Raises
    ------
    ConfigError
        A file is not YAML or does not fit.
    """
    sets = _read(folder / "response_sets.yml", TypeAdapter(tuple[ResponseSet, ...]), ())
    nothing = OtherQuestionnaires(evidence="from_memory", names=frozenset())
    kind = TypeAdapter(OtherQuestionnaires)
    others = _read(folder / "other_questionnaires.yml", kind, nothing)
    return Known(tuple(one.answers for one in sets), others.names)


def _read(path: Path, kind: TypeAdapter[Content], otherwise: Content) -> Content:
    if not path.is_file():
        return otherwise
    try:
        return kind.validate_python(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{path.name}:{where}", first["msg"], "Correct the entry") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise ConfigError(path.name, "is not YAML in UTF-8", "Correct the file") from None
