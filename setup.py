"""Puts what is not code into the wheel: the dbt project, config/, dags/, plugins/.

They lie at the root of a checkout and in the folder `rapport_project` of an installation, and
pipeline/home.py finds either. Everything else about the package is in pyproject.toml.
"""

import shutil
import tomllib
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent


class BuildWithProject(build_py):
    """Copies the project's files beside the packages; an editable install has them already."""

    def run(self) -> None:
        """Build the packages, then copy."""
        super().run()
        if not self.editable_mode:
            for name in _project_files():
                _copy(ROOT / name, Path(self.build_lib) / "rapport_project" / name)


def _project_files() -> list[str]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return settings["tool"]["rapport"]["project-files"]


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, target, ignore=ignored, dirs_exist_ok=True)
    else:
        shutil.copy(source, target)


setup(cmdclass={"build_py": BuildWithProject})
