"""When a delivery counts as changed: config/form_change.yml, read and checked."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from transforms.errors import ConfigError

Share = Field(gt=0, lt=1)


class Limits(BaseModel):
    """Thresholds of the form-change detector; docs/adr/0010 says why these."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_forms: int = Field(ge=10)
    reference_forms: int = Field(ge=30)
    min_rows: int = Field(ge=1)
    row_band: float = Share
    row_deliveries: int = Field(ge=1)
    unlikely: float = Share
    drift: float = Share
    fit_reference: int = Field(ge=30)
    fit_reference_per_item: int = Field(ge=2)
    fit_gain: float = Field(gt=0)
    fit_gain_total: float = Field(gt=0)
    spike_share: float = Share
    spike_ratio: float = Field(gt=1)
    spike_forms: int = Field(ge=1)
    spike_z: float = Field(gt=0)
    emptied_share: float = Share
    missing_codes: tuple[float, ...]


def load_limits(path: Path) -> Limits:
    """Read the thresholds.

    Raises
    ------
    ConfigError
        Naming the file and the key that is wrong.
    """
    try:
        return Limits.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(
            path.name, f"cannot be read ({type(error).__name__})", "Restore it from the repository"
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "the file"
        raise ConfigError(f"{path.name}: {key}", first["msg"], "See docs/form-changes.md") from None
