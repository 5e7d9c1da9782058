"""`rapport inspect`: the draft on standard output, the reasons on the terminal, exit 0 or 2."""

from __future__ import annotations

from typer.testing import CliRunner

from pipeline.cli import app
from transforms.clinics.yaml_file import load_clinic

ROWS = "Client ID;Day;phq9_1;phq9_2;phq9_3;phq9_4;phq9_5;phq9_6;phq9_7;phq9_8;phq9_9\n"
ROWS += "canary7;31.12.2026;0;1;2;3;0;1;2;3;0\n"


def invoke(tmp_path, *arguments: str):
    home = tmp_path / "home"
    return home, CliRunner().invoke(app, ["inspect", *arguments, "--home", str(home)])


def test_the_draft_can_be_redirected_into_the_clinics_yaml(tmp_path):
    (tmp_path / "may.csv").write_text(ROWS)

    home, result = invoke(tmp_path, str(tmp_path / "may.csv"), "--clinic", "fjord")

    assert result.exit_code == 0
    (tmp_path / "fjord.yml").write_text(result.stdout)
    clinic = load_clinic(tmp_path, "fjord")
    (feed,) = clinic.feeds
    assert (clinic.format, clinic.delimiter, feed.items) == ("delimited", ";", "phq9_{n}")
    assert feed.constants["instrument"] == "phq9"
    assert "confidence" in result.stderr
    assert "name, 9 columns" in " ".join(result.stderr.split())
    assert "canary" not in result.output
    assert not home.exists()


def test_what_cannot_be_read_is_exit_code_2_with_the_readers_words(tmp_path):
    (tmp_path / "empty.csv").write_bytes(b"")

    _, result = invoke(tmp_path, str(tmp_path / "empty.csv"))

    assert result.exit_code == 2
    assert result.stdout == ""
    assert "The file is empty (0 bytes)" in result.stderr


def test_a_file_that_is_not_there_and_a_bad_clinic_are_exit_code_2(tmp_path):
    (tmp_path / "may.csv").write_text(ROWS)

    _, absent = invoke(tmp_path, str(tmp_path / "june.csv"))
    _, bad = invoke(tmp_path, str(tmp_path / "may.csv"), "--clinic", "../x")

    assert (absent.exit_code, bad.exit_code) == (2, 2)
    assert "there is no such file" in absent.stderr
    assert "not a clinic id" in bad.stderr


def test_help_teaches_with_an_example():
    result = CliRunner().invoke(app, ["inspect", "--help"])

    assert result.exit_code == 0
    assert "rapport inspect ~/Downloads/export.csv --clinic fjord" in " ".join(
        result.output.split()
    )
