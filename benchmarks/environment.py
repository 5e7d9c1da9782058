"""What each declared dependency brings into the environment, for docs/environment.md.

A package that pyproject.toml names counts to itself, any other to the first in its order that needs
it. The number of packages is in brackets.
"""

from __future__ import annotations

import os
import tomllib
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]


def sizes(distribution: Distribution) -> tuple[int, int]:
    """Return bytes and number of files, those that Python compiled included."""
    n_bytes = n_files = 0
    for name in distribution.files or ():
        path = Path(distribution.locate_file(name))
        compiled = path.parent.glob(f"__pycache__/{path.stem}.cpython-*.pyc")
        for file in {path, *(compiled if path.suffix == ".py" else ())}:
            if file.is_file():
                n_bytes += os.stat(file).st_size
                n_files += 1
    return n_bytes, n_files


def kept_by(declared: list[str], installed: dict[str, Distribution]) -> set[str]:
    """Return the installed packages that these requirements need, over any number of steps."""
    kept: set[tuple[str, str]] = set()
    waiting = [(line, "") for line in declared]
    while waiting:
        line, extra = waiting.pop()
        wanted = Requirement(line)
        name = canonicalize_name(wanted.name)
        if name not in installed or (
            wanted.marker and not wanted.marker.evaluate({"extra": extra})
        ):
            continue
        for chosen in {"", *wanted.extras}:
            if (name, chosen) not in kept:
                kept.add((name, chosen))
                waiting += [(one, chosen) for one in installed[name].requires or ()]
    return {name for name, _ in kept}


def shares(declared: list[str], installed: dict[str, Distribution]) -> dict[str, set[str]]:
    """Return each requirement's packages: itself, and what it is the first to need."""
    named = {canonicalize_name(Requirement(line).name) for line in declared}
    given: set[str] = set()
    parts = {}
    for line in declared:
        name = canonicalize_name(Requirement(line).name)
        parts[name] = kept_by([line], installed) - given - (named - {name})
        given |= parts[name]
    return parts


def main() -> None:
    """Print a line for every declared dependency, the dearest first, and the sums."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    run_time, added = settings["project"]["dependencies"], settings["dependency-groups"]["dev"]
    installed = {canonicalize_name(one.name): one for one in distributions()}
    size = {name: sizes(one) for name, one in installed.items()}
    parts = shares([*run_time, *added], installed)
    for name in sorted(parts, key=lambda one: -_sum(parts[one], size)[0]):
        _print(f"{name} ({len(parts[name])})", parts[name], size)
    _print("run time", kept_by(run_time, installed), size)
    _print("everything", set(installed), size)


def _print(name: str, packages: set[str], size: dict[str, tuple[int, int]]) -> None:
    n_bytes, n_files = _sum(packages, size)
    print(f"{n_bytes / 1e6:8.1f} MB {n_files:7,} files  {name}")


def _sum(packages: set[str], size: dict[str, tuple[int, int]]) -> tuple[int, int]:
    return sum(size[one][0] for one in packages), sum(size[one][1] for one in packages)


if __name__ == "__main__":
    main()
