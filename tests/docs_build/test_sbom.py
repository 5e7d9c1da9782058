"""The bill of materials names every locked package, at its version, with its hashes."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from docs_build.sbom import bill

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements.txt").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_every_locked_package_is_in_it_and_no_other():
    written = bill(LOCK, PROJECT)
    pins = re.findall(r"^([\w.-]+)(?:\[.*?\])?==(\S+)", LOCK, flags=re.M)

    assert [(one["name"], one["version"]) for one in written["components"]] == pins
    assert len(pins) > 150
    assert written["metadata"]["component"]["version"] == PROJECT["version"]


def test_each_has_a_purl_and_all_its_hashes_and_no_address():
    components = bill(LOCK, PROJECT)["components"]

    assert len({one["purl"] for one in components}) == len(components)
    assert all(re.fullmatch(r"pkg:pypi/[a-z0-9-]+@\S+", one["purl"]) for one in components)
    hashes = [found["value"] for one in components for found in one["properties"]]
    assert sorted(hashes) == sorted(re.findall(r"sha256:([0-9a-f]{64})", LOCK))
    assert all(one["properties"] for one in components)
    assert "://" not in str(components)
    assert any(one.get("licenses") for one in components)


def test_a_package_of_another_version_gives_no_licence_away():
    lock = "typer==0.0.1 \\\n    --hash=sha256:" + "a" * 64 + "\n    # via x\n"

    (one,) = bill(lock, PROJECT)["components"]

    assert "licenses" not in one
    assert one["properties"] == [{"name": "rapport:sha256", "value": "a" * 64}]
