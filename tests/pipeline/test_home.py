"""Which configuration holds: RAPPORT_CONFIG, else the folder one stands in, else the release's."""

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.home import REPOSITORY, Home, copy_config


@pytest.fixture(autouse=True)
def somewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RAPPORT_CONFIG", raising=False)
    return tmp_path


def test_an_empty_folder_uses_what_rapport_came_with():
    assert Home.from_environment().config == REPOSITORY / "config"


@pytest.mark.parametrize("content", ["rules.yml", "clinics/fjord.yml"])
def test_a_configuration_here_comes_first(somewhere, content):
    (somewhere / "config" / content).parent.mkdir(parents=True)
    (somewhere / "config" / content).touch()

    assert Home.from_environment().config == somewhere / "config"


def test_somebody_elses_config_folder_is_left_alone(somewhere):
    (somewhere / "config").mkdir()
    (somewhere / "config" / "settings.yml").touch()

    assert Home.from_environment().config == REPOSITORY / "config"


def test_the_environment_comes_before_the_folder(somewhere, monkeypatch):
    (somewhere / "config").mkdir()
    (somewhere / "config" / "rules.yml").touch()
    monkeypatch.setenv("RAPPORT_CONFIG", str(somewhere / "elsewhere"))

    assert Home.from_environment().config == somewhere / "elsewhere"


def test_copying_brings_what_is_missing_and_overwrites_nothing(somewhere):
    mine = somewhere / "config" / "rules.yml"
    mine.parent.mkdir()
    mine.write_text("mine", encoding="utf-8")

    n_copied = copy_config(somewhere / "config")

    copied = {p.relative_to(mine.parent) for p in mine.parent.rglob("*") if p.is_file()}
    source = REPOSITORY / "config"
    offered = {p.relative_to(source) for p in source.rglob("*") if p.is_file()}
    assert mine.read_text(encoding="utf-8") == "mine"
    assert n_copied == len(copied) - 1 > 80
    assert {p.suffix for p in offered - copied} == {".csv"}
    assert copy_config(somewhere / "config") == 0


def test_half_a_configuration_says_how_to_complete_it(somewhere):
    (somewhere / "config" / "clinics").mkdir(parents=True)

    refused = CliRunner().invoke(app, ["status"])
    CliRunner().invoke(app, ["init"])
    complete = CliRunner().invoke(app, ["status"])

    assert refused.exit_code == 2
    assert "`rapport init`" in refused.stderr
    assert complete.exit_code == 0, complete.output
