"""Programs and files that some proofs need, and what a machine without them leaves unproved."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"


@dataclass(frozen=True)
class Need:
    """One thing a machine may lack. ``find`` returns where it is, or None."""

    name: str
    find: Callable[[], object]
    proves: str
    remedy: str
    in_ci: bool = False  # CI has it, or fails

    @property
    def reason(self) -> str:
        """Why a test is skipped without it."""
        return f"{self.name} is not on this machine"


def chromium() -> str | None:
    """Return Debian's browser, or None."""
    return shutil.which("chromium")


def postgres_programs() -> Path | None:
    """Return the folder of PostgreSQL's programs, the newest of Debian's, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: path.parts)
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).parent if on_path else None


@functools.cache
def compose_command() -> tuple[str, ...] | None:
    """Return how docker compose is called here, or None."""
    for command in (("docker", "compose"), ("docker-compose",)):
        if shutil.which(command[0]):
            version = subprocess.run([*command, "version"], capture_output=True, check=False)
            if version.returncode == 0:
                return command
    return None


def shared_data() -> Path | None:
    """Return the folder of files other people wrote, which lies beside the repository, or None."""
    return SHARED_DATA if SHARED_DATA.is_dir() else None


CHROMIUM = Need(
    "chromium",
    chromium,
    "that the pages work in a real browser: offline, accessible, without an error of a script",
    "apt-get install chromium, then make test and make test-slow",
    in_ci=True,
)
POSTGRESQL = Need(
    "postgresql",
    postgres_programs,
    "the service over PostgreSQL: the first night, and answers given through the REST API",
    "apt-get install postgresql, then make test-slow",
    in_ci=True,
)
COMPOSE = Need(
    "docker compose",
    compose_command,
    "that docker compose accepts docker-compose.yml and refuses a missing secret",
    "apt-get install docker-compose, then make test",
)
REAL_FILES = Need(
    "../shared/data",
    shared_data,
    "that files other people wrote are read as their authors meant them",
    "ask the maintainers for the files (they are not ours to hand on), then make test",
)
NEEDS = (CHROMIUM, POSTGRESQL, COMPOSE, REAL_FILES)


def without(need: Need) -> pytest.MarkDecorator:
    """Return the mark of tests that are skipped where the machine lacks it."""
    return pytest.mark.skipif(need.find() is None, reason=need.reason)


def require(need: Need):
    """Return where it is; skip the test that asks where the machine lacks it."""
    found = need.find()
    if found is None:
        pytest.skip(need.reason)
    return found


def is_ci() -> bool:
    """Say whether this is CI, by the variable that every CI service sets."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


def refuse_ci_without(needs: Iterable[Need] = NEEDS) -> None:
    """Raise UsageError in CI where a proof would be skipped."""
    missing = [need for need in needs if need.in_ci and need.find() is None]
    if is_ci() and missing:
        names = " ".join(need.name for need in missing)
        raise pytest.UsageError(f"CI proves everything. Install what is missing: {names}")


def unproved(skipped: Counter[str], needs: Iterable[Need] = NEEDS) -> list[str]:
    """Return in words what this machine cannot prove; ``skipped`` counts tests by reason."""
    lines = []
    for need in needs:
        if need.find() is None:
            n_tests = skipped[need.reason]
            here = f" ({n_tests} test{'s'[: n_tests != 1]} skipped)" if n_tests else ""
            lines += [f"{need.name}{here}: {need.proves}", f"    to prove it: {need.remedy}"]
    return lines
