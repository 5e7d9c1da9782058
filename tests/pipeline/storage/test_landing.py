"""What counts as a new file."""

from __future__ import annotations

import hashlib
from datetime import datetime

import pytest

from pipeline.storage import landing_names
from pipeline.storage.landing import is_as_hashed, new_deliveries
from pipeline.storage.landing_names import look
from pipeline.storage.ledger import Ledger

NOW = datetime(2026, 1, 1)


def land(home, name, content="x"):
    path = home.landing / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def found(home, ledger, fingerprint="v1"):
    return [d.source_file for d in new_deliveries(home, ledger, NOW, fingerprint)]


def settle(home, ledger, status, fingerprint="v1"):
    ledger.open_run("r1", NOW, fingerprint)
    for delivery in new_deliveries(home, ledger, NOW, fingerprint):
        file = delivery.as_row() | {
            "run_id": "r1",
            "status": status,
            "reason": None,
            "fingerprint": fingerprint,
            "score_fingerprint": None,
        }
        ledger.record_files([(file, [])])


def test_files_come_in_the_order_of_their_names(home):
    for name in ("b.csv", "a.csv", "sub/c.csv"):
        land(home, f"harbor/{name}", name)

    assert found(home, Ledger(home)) == ["a.csv", "b.csv", "sub/c.csv"]


def test_an_accepted_file_is_not_new_even_under_another_name(home):
    ledger = Ledger(home)
    land(home, "harbor/a.csv")
    settle(home, ledger, "accepted")
    land(home, "harbor/renamed.csv")

    assert found(home, ledger) == []


def test_the_same_content_in_another_clinic_is_another_delivery(home):
    ledger = Ledger(home)
    land(home, "harbor/a.csv")
    settle(home, ledger, "accepted")
    land(home, "summit/a.csv")

    assert len(new_deliveries(home, ledger, NOW, "v1")) == 1


def test_a_refused_file_is_tried_again_once_the_configuration_changed(home):
    ledger = Ledger(home)
    land(home, "harbor/a.csv")
    settle(home, ledger, "refused")

    assert found(home, ledger, "v1") == []
    assert found(home, ledger, "v2") == ["a.csv"]


def test_half_written_and_hidden_files_are_left_alone(home):
    for name in (".a.csv", "~$book.xlsx", "b.csv.part", "c.tmp"):
        land(home, f"harbor/{name}")

    assert found(home, Ledger(home)) == []
    # What is still being sent is told, so that a transfer that broke off is not forgotten.
    assert [(one.where, one.waits) for one in look(home).remarks] == [
        ("landing/harbor/b.csv.part", True),
        ("landing/harbor/c.tmp", True),
    ]


def test_what_lies_out_of_place_is_named_and_not_read(home):
    for name in ("Weird Name/a.csv", "loose.csv", ".hidden", "half.csv.part"):
        land(home, name)

    assert [remark.where for remark in look(home).remarks] == [
        "landing/Weird Name",
        "landing/loose.csv",
    ]
    assert found(home, Ledger(home)) == []


def test_noise_of_file_managers_and_empty_markers_is_counted_and_not_read(home):
    """An empty export is no marker: it is read, and refused for being empty."""
    for name in ("Thumbs.db", ".DS_Store", "desktop.ini", "~$book.xlsx", "._a.csv", "__MACOSX/b"):
        land(home, f"harbor/{name}")
    for name in ("_SUCCESS", "export.done", "nothing.csv"):
        land(home, f"harbor/{name}", "")
    land(home, "harbor/readme.pdf")

    looked = look(home)

    assert looked.n_noise == 7  # what is in a folder of noise is not counted
    assert looked.remarks == []
    assert found(home, Ledger(home)) == ["nothing.csv", "readme.pdf"]


def test_links_that_lead_out_of_landing_are_refused(home, tmp_path):
    """By either kind of link a clinic could have us read what is not its own."""
    (tmp_path / "secret.csv").write_text("x")
    land(home, "harbor/own.csv", "own")
    harbor = home.landing / "harbor"
    (harbor / "soft.csv").symlink_to(tmp_path / "secret.csv")
    (harbor / "hard.csv").hardlink_to(tmp_path / "secret.csv")
    (harbor / "again.csv").hardlink_to(harbor / "own.csv")
    (home.landing / "summit").symlink_to(tmp_path)

    assert sorted(remark.where for remark in look(home).remarks) == [
        "landing/harbor/hard.csv", "landing/harbor/soft.csv", "landing/summit",
    ]  # fmt: skip
    assert found(home, Ledger(home)) == ["again.csv"]


def test_one_name_in_two_unicode_forms_is_one_name(home):
    """macOS sends é as two characters; nothing is read twice, and the file is found again."""
    ledger = Ledger(home)
    apart, together = "re\u0301ponses.csv", "r\u00e9ponses.csv"
    land(home, f"harbor/\u0065\u0301t\u00e9/{apart}", "a")
    (delivery,) = new_deliveries(home, ledger, NOW, "v1")

    assert delivery.source_file == f"\u00e9t\u00e9/{together}"
    assert delivery.path(home).read_text() == "a"
    assert is_as_hashed(home, delivery)

    settle(home, ledger, "accepted")
    land(home, f"harbor/\u00e9t\u00e9/{together}", "a")
    assert found(home, ledger) == []


def test_both_forms_in_one_folder_are_said_not_guessed(home):
    land(home, "harbor/re\u0301ponses.csv", "a")
    land(home, "harbor/r\u00e9ponses.csv", "b")

    assert [d.source_file for d in new_deliveries(home, Ledger(home), NOW, "v1")] == [
        "r\u00e9ponses.csv"
    ]
    (remark,) = look(home).remarks
    assert "in other Unicode characters" in remark.what


def test_a_file_that_cannot_be_read_does_not_stop_the_night(home, capsys, monkeypatch):
    """This one can be opened, but reading it is an error, also for root."""
    monkeypatch.setattr(landing_names, "_leads_out", lambda home, path: False)
    land(home, "harbor/a.csv")
    (home.landing / "harbor" / "locked.csv").symlink_to("/proc/self/mem")

    assert found(home, Ledger(home)) == ["a.csv"]
    said = capsys.readouterr().err
    assert said.startswith("landing/harbor/locked.csv: cannot be read now (")
    assert "give the right to read it" in said


def test_a_file_that_grows_while_it_is_hashed_is_left(home, capsys, monkeypatch):
    """Its writer goes on at the moment the last byte was hashed."""
    land(home, "harbor/a.csv")
    land(home, "harbor/b.csv", "y")
    hashed = hashlib.file_digest

    def and_then_it_grows(file, name):
        digest = hashed(file, name)
        if file.name.endswith("a.csv"):
            land(home, "harbor/a.csv", "x and more")
        return digest

    monkeypatch.setattr(hashlib, "file_digest", and_then_it_grows)

    assert found(home, Ledger(home)) == ["b.csv"]
    assert capsys.readouterr().err.startswith("landing/harbor/a.csv: changed while it was read; ")


@pytest.mark.parametrize(
    ("content", "is_same"), [("x", True), ("y", False), ("xx", False), ("", False)]
)
def test_a_file_is_what_was_hashed_byte_for_byte(home, content, is_same):
    land(home, "harbor/a.csv", "x")
    (delivery,) = new_deliveries(home, Ledger(home), NOW, "v1")
    land(home, "harbor/a.csv", content)

    assert is_as_hashed(home, delivery) is is_same


def test_a_second_copy_is_named_as_long_as_it_lies_there(home, capsys):
    """Who looks for the file must learn why it is not read: of one night, and of an earlier."""
    ledger = Ledger(home)
    land(home, "harbor/a.csv")
    land(home, "harbor/copy.csv")
    assert found(home, ledger) == ["a.csv"]
    assert capsys.readouterr().err.endswith("read once: harbor/copy.csv is a.csv\n")

    settle(home, ledger, "accepted")
    (home.landing / "harbor" / "a.csv").unlink()
    capsys.readouterr()

    assert found(home, ledger) == []
    assert capsys.readouterr().err.startswith("1 file(s) with the same content as another")


def test_files_of_different_content_are_not_called_copies(home, capsys):
    land(home, "harbor/a.csv", "1")
    land(home, "harbor/b.csv", "2")
    land(home, "summit/a.csv", "1")

    assert len(found(home, Ledger(home))) == 3
    assert capsys.readouterr().err == ""
