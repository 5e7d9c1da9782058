"""Roles are files: config/roles.yml says who may open which, what for, and what tells who."""

from __future__ import annotations

import grp
import re
import shutil
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from pipeline.home import REPOSITORY, Home
from transforms.errors import ConfigError

FILE = "roles.yml"
# What a release has for readers; `clinics` is a folder with a file for each.
READABLE = ("analytics.duckdb", "public.duckdb", "quality.duckdb", "clinics")
_FOLDER = 0o750
_PRIVATE = 0o600, 0o700


class Role(BaseModel):
    """One file (or folder of files) of ``published/``, and who reads it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    about: str
    purpose: str = Field(pattern=r"^[a-z][a-z_]*$")
    mode: str = "0640"
    group: str | None = None
    combinations: dict[str, list[list[str]]] = Field(default_factory=dict)

    @field_validator("mode")
    @classmethod
    def _closed(cls, value: str) -> str:
        if not re.fullmatch(r"0[46][04]0", value):
            raise ValueError('give "0640", "0600", "0440" or "0400": others never read a file')
        return value

    @field_validator("group")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        return _known_group(value)


class Roles(BaseModel):
    """The file config/roles.yml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    roles: dict[str, Role]
    folder_group: str | None = None

    @field_validator("roles")
    @classmethod
    def _every_file(cls, value: dict[str, Role]) -> dict[str, Role]:
        if {*value} != {*READABLE}:
            raise ValueError(f"say who reads each of {', '.join(READABLE)}, and nothing else")
        return value

    @field_validator("folder_group")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        return _known_group(value)


def read_roles(home: Home) -> Roles:
    """Read the site's config/roles.yml; where it has none, the one Rapport came with.

    Raises
    ------
    ConfigError
        With the key: a wrong value, a group this machine does not know, a file without a role.
    """
    own = home.config / FILE
    path = own if own.is_file() else REPOSITORY / "config" / FILE
    try:
        return Roles.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except yaml.YAMLError:
        raise ConfigError(FILE, "not valid YAML", "Check the indentation") from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{FILE}:{key}", first["msg"], "Correct it") from None


def hand_over(folder: Path, roles: Roles) -> None:
    """Give every file of a release to its readers, whatever the umask; others are nobody's.

    Raises ConfigError when this user may not give a file to the group that is to read it.
    """
    for path in (folder, *sorted(folder.rglob("*"))):
        below = path.relative_to(folder).parts
        role = roles.roles.get(below[0]) if below else None
        if path.is_dir():
            is_readers = not below or role is not None
            _give(path, roles.folder_group if is_readers else None, _folder_mode(is_readers))
        else:
            _give(path, role.group if role else None, int(role.mode, 8) if role else _PRIVATE[0])


def _folder_mode(is_readers: bool) -> int:
    return _FOLDER if is_readers else _PRIVATE[1]


def _give(path: Path, group: str | None, mode: int) -> None:
    if group and path.group() != group:
        path.chmod(mode & 0o700)  # nobody reads it while it changes hands
        try:
            shutil.chown(path, group=group)
        except PermissionError:
            raise ConfigError(
                FILE, f"this user may not give a file to the group {group}", "Put it into the group"
            ) from None
    path.chmod(mode)


def _known_group(value: str | None) -> str | None:
    try:
        if value:
            grp.getgrnam(value)
    except KeyError:
        raise ValueError(f"this machine knows no group {value}") from None
    return value
