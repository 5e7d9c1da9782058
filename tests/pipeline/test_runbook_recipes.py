"""The recipes of docs/runbook.md for files, tried in nights that end with the rows in the lake."""

from __future__ import annotations

from datetime import date

import pytest
import yaml

from expectations.catalogue import load_rules
from expectations.waivers import load_waivers
from pipeline.home import REPOSITORY
from tests.pipeline.half_nights import HEADER
from tests.pipeline.steps.test_withdraw import form, take_back
from transforms.errors import ConfigError

RUNBOOK = (REPOSITORY / "docs" / "runbook.md").read_text(encoding="utf-8")
NO_CLIENT = HEADER.replace("client_id", "customer")


def test_a_corrected_export_wins_by_its_key_under_any_name(clinic):
    assert "Its rows win by their key under any\nname" in RUNBOOK
    clinic.land("responses_1.csv", form("r1", 1), form("r2", 1))
    clinic.night()
    clinic.land("responses_put_right.csv", form("r1", 3))

    assert clinic.night() == {"responses_put_right.csv": "accepted"}
    assert clinic.held() == [(1, 3), (2, 1)]


def test_a_refused_file_is_read_again_once_the_configuration_changed(clinic):
    assert "not read again until the configuration or the code changes" in RUNBOOK
    clinic.land("responses_1.csv", form("r1"), header=NO_CLIENT)

    assert clinic.night() == {"responses_1.csv": "refused"}
    assert clinic.night() == {}
    assert clinic.night("v2") == {"responses_1.csv": "refused"}


def test_a_refused_content_is_read_again_under_a_new_name_and_a_copy_is_not(clinic):
    assert "The same content under a new name is read again where it was refused" in RUNBOOK
    clinic.land("responses_1.csv", form("r1"), header=NO_CLIENT)
    clinic.land("responses_2.csv", form("r2"))
    clinic.night()
    clinic.land("responses_again.csv", form("r1"), header=NO_CLIENT)
    clinic.land("responses_copy.csv", form("r2"))

    # Both names lie there: the content is told by the first, and only that was read.
    assert clinic.night() == {"responses_1.csv": "refused"}
    (clinic.place.landing / "clinic" / "responses_1.csv").unlink()
    clinic.land("responses_once_more.csv", form("r1"), header=NO_CLIENT)
    assert list(clinic.night().values()) == ["refused"]


def test_a_content_whose_rows_were_replaced_since_is_read_again_under_a_new_name(clinic):
    assert "where rows of it were replaced since" in RUNBOOK
    clinic.land("responses_1.csv", form("r1", 1))
    clinic.night()
    clinic.land("responses_2.csv", form("r1", 2))
    clinic.night()
    clinic.land("responses_3.csv", form("r1", 1))

    assert clinic.night() == {"responses_3.csv": "accepted"}
    assert clinic.held() == [(1, 1)]


def test_a_withdrawn_file_may_stay_and_the_same_content_comes_back_under_a_new_name(clinic):
    assert "To send the same content after all, give it a new name" in RUNBOOK
    clinic.land("responses_1.csv", form("r1"))
    clinic.night()
    take_back(clinic, "responses_1.csv")

    assert clinic.night() == {}
    assert clinic.held() == []
    clinic.land("responses_meant.csv", form("r1"))
    assert clinic.night() == {"responses_meant.csv": "accepted"}
    assert clinic.held() == [(1, 1)]


def test_the_example_of_a_waiver_is_one_for_at_most_180_days(clinic):
    """config/waivers.yml shows an entry as a comment; the runbook says how long it may hold."""
    assert "at most 180 days" in RUNBOOK
    path = clinic.place.config / "waivers.yml"
    lines = path.read_text("utf-8").splitlines()
    entry = "\n".join(line[2:] for line in lines if line.startswith(("# waivers:", "#   ")))
    first = yaml.safe_load(entry)["waivers"][0]
    path.write_text(entry, "utf-8")

    rules = load_rules(clinic.place.config / "rules.yml")
    (waiver,) = load_waivers(path, rules)
    assert (waiver.rule, waiver.until) == ("S22", date(2027, 1, 31))

    path.write_text(entry.replace(str(first["until"]), "2027-05-01"), "utf-8")
    with pytest.raises(ConfigError, match="180"):
        load_waivers(path, rules)
