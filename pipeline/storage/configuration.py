"""Configuration as the night needs it: clinics, rules and the registry, loaded once a process."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from pipeline.home import Home
from pipeline.storage.expected_curves import write_curves
from pipeline.storage.parquet import write_rows
from transforms.clinics.clinic import Clinic
from transforms.clinics.yaml_file import load_clinic
from transforms.errors import ConfigError
from transforms.instruments.registry import Registry, load_registry
from transforms.instruments.tables import (
    INSTRUMENT_COLUMNS,
    SCALE_COLUMNS,
    registry_rows,
    scale_rows,
)

if TYPE_CHECKING:
    from expectations.catalogue import Catalogue

ARROW_TYPES = {
    "VARCHAR": pa.string(),
    "INTEGER": pa.int32(),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
}


def wrong_clinics(home: Home, clinic_ids: Iterable[str]) -> dict[str, str]:
    """Return what is wrong with the YAML of those clinics whose YAML cannot be used."""
    wrong = {}
    for clinic_id in clinic_ids:
        try:
            read_clinic(home, clinic_id)
        except ConfigError as error:
            wrong[clinic_id] = str(error)
    return wrong


def read_clinic(home: Home, clinic_id: str) -> Clinic:
    """Return one clinic's configuration; without a YAML it sends canonical files."""
    return load_clinic(home.config / "clinics", clinic_id)


def read_registry(home: Home) -> Registry:
    """Return the instrument registry."""
    return _registry(home.instruments)


def rules(home: Home) -> Catalogue:
    """Return the rule catalogue, read again where its file changed."""
    path = home.config / "rules.yml"
    seen = path.stat()
    return _rules(path, seen.st_mtime_ns, seen.st_size)


def write_registry(home: Home) -> None:
    """Export the registry for the rules and for dbt."""
    registry = read_registry(home)
    exports = {
        "instruments": (INSTRUMENT_COLUMNS, registry_rows(registry)),
        "scales": (SCALE_COLUMNS, scale_rows(registry)),
    }
    for name, (columns, rows) in exports.items():
        schema = pa.schema([(column, ARROW_TYPES[kind]) for column, kind in columns.items()])
        path = home.lake / "registry" / f"{name}.parquet"
        write_rows(path, rows, schema)
    write_curves(home)


@lru_cache(maxsize=2)
def _registry(folder: Path) -> Registry:
    return load_registry(folder)


@lru_cache(maxsize=2)
def _rules(path: Path, _changed_at: int, _size: int) -> Catalogue:
    from expectations.catalogue import load_rules

    return load_rules(path)
