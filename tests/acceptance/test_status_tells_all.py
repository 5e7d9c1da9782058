"""One wrong YAML, a loose file and a strange folder: named everywhere, and the others go on."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from pipeline.cli import app

HEADER = "response_id,client_id,instrument,rater,completed_at," + ",".join(
    f"item_{n}" for n in range(1, 10)
)
WRONG = "clinic: fjord\ngroup: coast\nfeeds: [{table: responses, colums: {}}]\n"


def responses(client: str) -> str:
    rows = [f"{client}{n},{client},phq9,client,2026-01-0{n} 09:00{',1' * 9}" for n in (1, 2)]
    return "\n".join([HEADER, *rows]) + "\n"


@pytest.fixture(scope="module")
def nights(home_with):
    """Two runs of `rapport run`: with the wrong YAML, and with the right one."""
    place = home_with("told", clinics={"fjord": WRONG})
    for clinic in ("fjord", "harbor"):
        (place.landing / clinic).mkdir()
        (place.landing / clinic / "responses.csv").write_text(responses(clinic), "utf-8")
    (place.landing / "loose.csv").write_text("x", "utf-8")
    (place.landing / "Old Exports").mkdir()
    (place.landing / "harbor" / "Thumbs.db").write_bytes(b"x")

    def call(command: str):
        environment = {"RAPPORT_CONFIG": str(place.config)}
        return CliRunner().invoke(app, [command, "--home", str(place.root)], env=environment)

    first = call("run"), call("status"), (place.reports / "index.html").read_text("utf-8")
    (kept,) = place.reports.glob("*/run.json")
    page = (kept.parent / "index.html").read_text("utf-8")
    (place.config / "clinics" / "fjord.yml").write_text("clinic: fjord\ngroup: coast\n", "utf-8")
    (place.landing / "loose.csv").unlink()
    (place.landing / "Old Exports").rmdir()
    second = call("run"), call("status"), (place.reports / "index.html").read_text("utf-8")
    return place, first, page, second


def test_a_wrong_yaml_keeps_its_clinic_waiting_and_no_other(nights, ask):
    place, (run, *_), _, (again, *_) = nights
    received = [
        json.loads(path.read_text("utf-8"))["n_received"]
        for path in sorted(place.reports.glob("*/run.json"))
    ]

    assert (run.exit_code, again.exit_code) == (4, 0), again.output
    assert received == [2, 2]
    clinics = ask(place, "select clinic_id, clinic_group from core.dim_clinics order by 1")
    assert [clinic for clinic, _ in clinics] == ["fjord", "harbor"]
    assert dict(clinics)["fjord"] == "coast"


@pytest.mark.parametrize(
    "said",
    [
        "landing/loose.csv: in no clinic's folder",
        "landing/Old Exports: not a clinic id",
        "clinic fjord: its YAML is wrong",
        "fjord.yml:3: feeds.1.colums: the key is not known. Did you mean columns?",
    ],
)
def test_summary_status_page_and_index_say_it(nights, said):
    _, (run, status, index), page, (again, later, clean) = nights
    said = said.removesuffix("?")

    assert said in run.output
    assert said in status.output
    for html in (index, page):
        text = html.replace("<b>", "").replace("</b>", "").replace("&#39;", "'")
        assert said in text
    for after in (again.output, later.output, clean):
        assert said not in after


def test_status_counts_what_is_noise(nights):
    _, (_, status, _), _, _ = nights

    assert "1 name(s) in landing/ are noise" in status.output
