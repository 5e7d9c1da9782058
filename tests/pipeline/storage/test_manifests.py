"""What a clinic says its files hold, against what came."""

import json
import re
from datetime import date

import pytest

from pipeline.storage.landing import new_deliveries
from pipeline.storage.ledger import Ledger
from pipeline.storage.manifests import Promise, count_promises, read_manifests

JANUARY = Promise("scores_01.csv", 100, date(2026, 1, 1), date(2026, 1, 31))


def counted(*promises, file="scores_02.csv", n_read=100):
    """Return {rule: (n_scope, n_failed)} of one file."""
    counts = count_promises({p.file: p for p in promises}, file, n_read)
    assert not [c.error for c in counts if c.error]
    return {count.rule_id: (count.n_scope, count.n_failed) for count in counts}


def february(first, last=date(2026, 2, 28), n_rows=100):
    return Promise("scores_02.csv", n_rows, first, last)


@pytest.mark.parametrize(
    ("first_day", "n_failed"),
    [
        (date(2026, 2, 1), 0),
        # The last day of one is the first of the next where ends are exclusive.
        (date(2026, 1, 31), 0),
        # A gap of one day.
        (date(2026, 2, 2), 1),
        # Two days twice.
        (date(2026, 1, 30), 1),
        # Everything from the beginning: a snapshot repeats nothing.
        (date(2026, 1, 1), 0),
    ],
)
def test_a_period_follows_on_the_one_before(first_day, n_failed):
    assert counted(JANUARY, february(first_day))["F04"] == (1, n_failed)


def test_a_first_file_and_one_of_another_name_follow_on_nothing():
    other = Promise("clients_01.csv", 5, date(2026, 1, 1), date(2026, 1, 31))

    assert counted(february(date(2026, 2, 2)))["F04"] == (0, 0)
    assert counted(other, february(date(2026, 2, 2)))["F04"] == (0, 0)


@pytest.mark.parametrize(("n_read", "n_failed"), [(100, 0), (99, 1), (101, 1)])
def test_a_file_holds_the_rows_that_were_promised(n_read, n_failed):
    assert counted(february(date(2026, 2, 1)), n_read=n_read)["F05"] == (1, n_failed)


def test_without_a_promise_nothing_is_in_scope():
    assert counted(JANUARY) == {"F04": (0, 0), "F05": (0, 0)}
    assert counted(february(None, None, None)) == {"F04": (0, 0), "F05": (0, 0)}
    assert counted(february(date(2026, 2, 1)), n_read=None)["F05"] == (0, 0)


def test_both_kinds_of_manifest_are_read(tmp_path):
    (tmp_path / "manifest.csv").write_text(
        "file,rows,from,to\nclients.csv,12,2026-01-01,2026-01-31\nepisodes.csv,,,\n", "utf-8"
    )
    (tmp_path / "weekly").mkdir()
    promise = {"rows": 7, "from": "2026-02-02", "to": "2026-02-08"}
    (tmp_path / "weekly" / "s.csv.manifest.json").write_text(json.dumps(promise), "utf-8")

    assert read_manifests(tmp_path) == {
        "clients.csv": Promise("clients.csv", 12, date(2026, 1, 1), date(2026, 1, 31)),
        "episodes.csv": Promise("episodes.csv"),
        "weekly/s.csv": Promise("weekly/s.csv", 7, date(2026, 2, 2), date(2026, 2, 8)),
    }


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("manifest.csv", "file,rows\na.csv,many\n", r"manifest\.csv line 2: rows is not"),
        ("a.csv.manifest.json", '{"from": "01/02/2026"}', "the manifest: rows is not"),
        ("a.csv.manifest.json", "[1]", "not a JSON object"),
        ("a.csv.manifest.json", "{", "not a JSON object"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_an_error_and_no_bad_data(tmp_path, name, content, what):
    (tmp_path / name).write_text(content, "utf-8")

    counts = count_promises(read_manifests(tmp_path), "a.csv", 3)

    assert {count.n_failed for count in counts} == {0}
    assert all(re.search(what, count.error) for count in counts)


def test_a_manifest_is_no_delivery(home):
    folder = home.landing / "north"
    folder.mkdir()
    for name in ("manifest.csv", "a.csv.manifest.json", "MANIFEST.CSV", "a.csv"):
        (folder / name).write_text("client_id\n1\n", "utf-8")

    found = new_deliveries(home, Ledger(home), JANUARY.first_day, "f")

    assert [delivery.source_file for delivery in found] == ["a.csv"]
