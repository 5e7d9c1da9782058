"""A clinic of its own for tests that follow rows through several nights."""

from __future__ import annotations

import shutil

import pytest

from pipeline.home import REPOSITORY, Home
from tests.pipeline.half_nights import Clinic


@pytest.fixture
def clinic(tmp_path) -> Clinic:
    """A clinic without files, with a copy of the configuration to edit."""
    shutil.copytree(REPOSITORY / "config", tmp_path / "config")
    place = Home(tmp_path / "home", tmp_path / "config")
    place.root.mkdir()
    place.prepare()
    return Clinic(place)
