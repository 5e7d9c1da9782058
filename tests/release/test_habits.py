"""Promises of a release besides code: locks, one version, hooks and workflow that cannot drift."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from typer.testing import CliRunner

from pipeline.cli import app

ROOT = Path(__file__).parents[2]
DECLARED = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
VERSION = DECLARED["project"]["version"]
RUN_TIME, DEVELOPMENT = "requirements.txt", "requirements-dev.txt"


def locked(name: str) -> dict[str, str]:
    """Package and version of every line of a lock."""
    text = (ROOT / name).read_text(encoding="utf-8")
    pins = re.findall(r"^([\w.-]+)(?:\[.*\])?==(\S+)", text, re.M)
    return {canonicalize_name(package): version for package, version in pins}


def unmet(declared: list[str], pins: dict[str, str]) -> list[str]:
    """Return the declared requirements that no pin fulfils."""
    wanted = [Requirement(line) for line in declared]
    return [
        str(one)
        for one in wanted
        if (pin := pins.get(canonicalize_name(one.name))) is None or pin not in one.specifier
    ]


def test_every_declared_dependency_is_locked_where_it_belongs():
    groups = DECLARED["dependency-groups"]["dev"]

    assert unmet(DECLARED["project"]["dependencies"], locked(RUN_TIME)) == []
    assert unmet(groups, locked(DEVELOPMENT) | locked(RUN_TIME)) == []


def test_production_carries_no_tool_of_development():
    tools = {Requirement(line).name for line in DECLARED["dependency-groups"]["dev"]}
    shared = {"jsonschema"}  # Airflow, dbt and Great Expectations bring it

    assert {"pytest", "ruff", "playwright", "ipykernel"} <= tools
    assert tools & locked(RUN_TIME).keys() == shared
    assert locked(RUN_TIME).keys() & locked(DEVELOPMENT).keys() == set()


def test_locks_hold_hashes_and_no_address():
    for name in (RUN_TIME, DEVELOPMENT):
        text = (ROOT / name).read_text(encoding="utf-8")
        entries = re.split(r"^(?=[\w.-]+(?:\[.*\])?==)", text, flags=re.M)[1:]

        assert len(entries) > 40
        assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []
        assert re.findall(r"\w+://\S+|--[\w-]*index[\w-]*|--find-links", text) == []


def test_there_is_one_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    printed = CliRunner().invoke(app, ["--version"])

    assert (printed.exit_code, printed.output) == (0, f"rapport {VERSION}\n")
    assert citation["version"] == VERSION
    assert re.search(r"^## (\S+)", changelog, re.M).group(1) == VERSION
    assert DECLARED["project"]["license"] == citation["license"] == "Apache-2.0"


def test_the_hooks_run_what_make_check_runs():
    recipe = re.search(r"^check:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.M).group(1)
    settings = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    hooks = [hook for repo in settings["repos"] for hook in repo["hooks"]]
    command = r"([\w-]+(?: (?:check|format|lint)\b)?)"

    assert [repo["repo"] for repo in settings["repos"]] == ["local"]
    assert {hook["language"] for hook in hooks} == {"system"}
    assert sorted(
        re.search(rf"\.venv/bin/{command}", hook["entry"]).group(1) for hook in hooks
    ) == sorted(re.findall(rf"\$\(BIN\)/{command}", recipe))


def test_the_workflow_runs_what_the_project_calls_its_ci():
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]

    assert workflow["permissions"] == {"contents": "read"}
    assert [step["run"].split()[-1] for step in steps if "run" in step] == [".ci/run"]
    assert (ROOT / ".ci/run").stat().st_mode & 0o111


def test_every_target_stands_in_the_help():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.+)$", makefile, re.M).group(1).split()

    assert [name for name in phony if not re.search(rf"^{name}:.* ## ", makefile, re.M)] == []
