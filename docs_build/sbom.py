"""The software bill of materials: what the run-time lock installs, as CycloneDX 1.5 JSON.

Made from requirements.txt alone, so that it says what is installed whatever lies on this machine;
licences are added where a package is installed at the locked version. No address, no time of day:
the same lock gives the same file. Format: https://cyclonedx.org/docs/1.5/json/
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

from pipeline.home import CODE

_PIN = re.compile(r"^([\w.-]+)(?:\[[^]]*\])?==([^ \\;]+)(.*?)(?=^\S|\Z)", re.M | re.S)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def bill(lock: str, project: dict[str, Any]) -> dict[str, Any]:
    """Return the bill of a lock's text, with the project itself as what it is of."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": project["name"],
                "name": project["name"],
                "version": project["version"],
                "licenses": [{"license": {"id": project["license"]}}],
            }
        },
        "components": [_component(*found) for found in _PIN.findall(lock)],
    }


def _component(name: str, version: str, rest: str) -> dict[str, Any]:
    purl = f"pkg:pypi/{re.sub(r'[-_.]+', '-', name).lower()}@{version}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        # One per file the lock allows: wheels of several platforms, and the source.
        "properties": [{"name": "rapport:sha256", "value": found} for found in _HASH.findall(rest)],
        **_licence(name, version),
    }


def _licence(name: str, version: str) -> dict[str, Any]:
    try:
        about = metadata(name)
    except PackageNotFoundError:
        return {}
    if about["Version"] != version or "License-Expression" not in about:
        return {}
    return {"licenses": [{"expression": about["License-Expression"]}]}


def main() -> None:
    """Write the bill to the path given."""
    project = tomllib.loads((CODE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    written = bill((CODE / "requirements.txt").read_text(encoding="utf-8"), project)
    path = Path(sys.argv[1])
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    print(f"{path}: {len(written['components'])} packages")  # noqa: T201


if __name__ == "__main__":
    main()
