"""What the models of the common-factors tables declare in their meta, read by every rule on them.

``bounds`` are the natural limits of a column.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

MODELS = Path(__file__).resolve().parents[1] / "models" / "marts" / "common_factors"


@cache
def declared(models: Path = MODELS) -> dict[str, dict[str, Any]]:
    """Return the meta of every model, by name."""
    return {
        model["name"]: (model.get("config") or {}).get("meta") or {}
        for path in sorted(models.glob("*.yml"))
        for model in yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader).get("models", ())
    }
