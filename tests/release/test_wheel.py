"""The wheel holds all of Rapport, and runs the README's commands where nothing else is."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import duckdb
import pytest
import yaml

from pipeline.audit.fingerprint import fingerprint
from pipeline.home import Home

ROOT = Path(__file__).parents[2]
UV = ROOT / ".tools" / "bin" / "uv"
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
PROJECT_FILES = SETTINGS["rapport"]["project-files"]
ROOMS = [room.rstrip("*") for room in SETTINGS["setuptools"]["packages"]["find"]["include"]]


def tracked(*places: str) -> set[str]:
    """Files under these places that git knows and that are there."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *places], cwd=ROOT, capture_output=True, check=True
    ).stdout.decode()
    return {name for name in listed.split("\0") if name and (ROOT / name).is_file()}


def needed() -> set[str]:
    """Paths in an installation of everything that a night reads."""
    project = {f"rapport_project/{name}" for name in tracked(*PROJECT_FILES)}
    return project | tracked(*(room for room in ROOMS if (ROOT / room).is_dir()))


def test_what_is_built_is_what_git_knows(tmp_path):
    """Runs the build step itself, without packing."""
    command = ["egg_info", "--egg-base", str(tmp_path), "build_py", "--build-lib", "lib"]
    command[-1] = str(tmp_path / "lib")
    subprocess.run(
        [sys.executable, "setup.py", "-q", *command], cwd=ROOT, check=True, capture_output=True
    )
    built = tmp_path / "lib"
    found = {str(path.relative_to(built)) for path in built.rglob("*") if path.is_file()}

    assert len(needed()) > 600
    assert needed() - found == set()
    assert {name.split("/")[0] for name in found} <= {*ROOMS, "rapport_project"}
    assert [name for name in found if name.endswith((".pyc", ".duckdb"))] == []


def test_every_folder_of_code_belongs_to_the_wheel_or_is_known_not_to():
    """A new room at the root is either delivered or named here."""
    stay_behind = {"benchmarks", "docs", "docs_build", "tests"}
    folders = {name.split("/")[0] for name in tracked("*.py") if "/" in name}

    assert folders - stay_behind <= {*ROOMS, *PROJECT_FILES}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel `make release` has just built, else one of this checkout as it stands."""
    if os.environ.get("RAPPORT_WHEEL"):
        return (ROOT / os.environ["RAPPORT_WHEEL"]).resolve()
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in tracked():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes((ROOT / name).read_bytes())
    options = ["--wheel", "--no-build-isolation", "--python", sys.executable]
    subprocess.run([UV, "build", "-q", *options, "--out-dir", target, source], check=True)
    return next(target.glob("*.whl"))


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory) -> Path:
    """Python of an environment with the run-time lock and the wheel, and nothing else."""
    python = tmp_path_factory.mktemp("installed") / "bin" / "python"
    into = ["--python", str(python)]
    lock = ["--require-hashes", str(ROOT / "requirements.txt")]
    subprocess.run([UV, "venv", "-q", "--python", sys.executable, python.parents[1]], check=True)
    subprocess.run([UV, "pip", "sync", "-q", *into, *lock], check=True)
    subprocess.run([UV, "pip", "install", "-q", *into, "--no-deps", wheel], check=True)
    return python


@pytest.fixture(scope="module")
def run(python, tmp_path_factory):
    """Run a program of that environment in an empty folder, with nothing inherited."""
    folder, user = tmp_path_factory.mktemp("empty"), tmp_path_factory.mktemp("user")
    environment = {"HOME": str(user), "LANG": "C.UTF-8", "PATH": "/usr/bin:/bin"}

    def call(program: str, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [python.with_name(program), *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    call.folder = folder
    return call


@pytest.mark.slow
def test_the_wheel_holds_everything_a_night_reads(wheel):
    assert needed() - set(zipfile.ZipFile(wheel).namelist()) == set()


@pytest.mark.slow
def test_an_installation_has_the_code_and_rules_of_the_checkout(run):
    """Same fingerprint: every file that shapes a number arrived, and unchanged."""
    code = "from pipeline.audit.fingerprint import fingerprint as f; from pipeline.home import Home"
    printed = run("python", "-c", f"{code}; print(f(Home.from_environment()))")

    assert printed.stdout.strip() == fingerprint(Home(Path("data"))), printed.stderr


@pytest.mark.slow
def test_the_commands_of_the_readme_run_from_an_empty_folder(run, python):
    project = next(python.parents[1].glob("lib/*/site-packages/rapport_project"))
    before = _files(project)

    made = run("rapport", "demo", "--sessions", "600")
    night = run("rapport", "run")
    status = run("rapport", "status")
    sessions = "data/landing/harbor/sessions.csv"
    draft = run("rapport", "inspect", sessions, "--clinic", "fjord")
    checked = run("rapport", "check", sessions, "--clinic", "harbor")

    assert made.returncode == 0, made.stderr
    assert night.returncode == 0, night.stdout + night.stderr
    assert status.returncode == 0
    assert "9 of 9 delivered file(s) accepted" in status.stdout
    assert (run.folder / "data" / "reports" / "index.html").is_file()
    with duckdb.connect(run.folder / "data/published/analytics.duckdb", read_only=True) as tables:
        assert tables.execute("select count(*) from core.fct_scores").fetchone()[0] > 1000
        assert tables.execute("select count(*) from quality.dq_rule_results").fetchone()[0] > 100
    assert draft.returncode == 0, draft.stderr
    assert yaml.safe_load(draft.stdout)
    assert checked.returncode == 1, checked.stderr  # the demo plants errors
    assert (run.folder / "rapport-check").is_dir()
    assert _files(project) == before, "something was written into the installation"


@pytest.mark.slow
def test_a_configuration_copied_into_the_folder_is_the_one_in_force(run):
    where = "from pipeline.home import Home; print(Home.from_environment().config)"
    came_with = run("python", "-c", where).stdout.strip()
    copied = run("rapport", "init")

    assert Path(came_with).parent.name == "rapport_project"
    assert copied.returncode == 0, copied.stderr
    assert run("python", "-c", where).stdout.strip() == str(run.folder / "config")


def _files(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder)): path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
