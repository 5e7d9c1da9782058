"""Day and month: one declared order, or the file is refused with lines; never guessed by row."""

from __future__ import annotations

import zipfile
from datetime import date, datetime
from pathlib import Path

import pytest

from transforms.clinics.clinic import Clinic
from transforms.clinics.date_formats import conflicting_formats
from transforms.clinics.yaml_file import read_clinic_yaml
from transforms.errors import ConfigError, FileRefused
from transforms.intake.column_mapping import mappings_by_table
from transforms.intake.pseudonyms import GroupKey
from transforms.intake.read_file import read_export
from transforms.intake.stage import stage as stage_table

KEY = GroupKey.derive(b"0123456789abcdef0123456789abcdef", "north")


def stage(con, folder: Path, path: Path, clinic: Clinic) -> Path:
    """Read and stage a file of episodes."""
    sources = read_export(path, clinic, con=con, scratch=folder)
    out = folder / "staged" / "episodes.parquet"
    stage_table(
        con,
        "episodes",
        mappings_by_table(clinic, path.name, sources)["episodes"],
        clinic,
        file_id="f1",
        source_file=path.name,
        received_at=datetime(2026, 6, 1),
        key=KEY,
        registry_rows=[],
        out=out,
        identities=folder / "vault.parquet",
    )
    return out


@pytest.fixture
def starts(con, tmp_path):
    """Stage episodes that start on these dates as written; return (start, bad cells) by line."""

    def staged(written: list[str], **options) -> list[tuple]:
        path = tmp_path / "episodes.csv"
        rows = "".join(f'{n},{n},"{text}"\n' for n, text in enumerate(written))
        path.write_text("episode_id,client_id,start_date\n" + rows)
        out = stage(con, tmp_path, path, Clinic(clinic="harbor", **options))
        query = f"select start_date, bad_cells from '{out}' order by source_line"
        return con.execute(query).fetchall()

    return staged


BAD = (None, ["start_date"])
NEW_YEARS_EVE = (date(2026, 12, 31), None)


@pytest.mark.parametrize(
    ("pattern", "written"),
    [
        (None, "2026-12-31"),
        ("%d/%m/%Y", "31/12/2026"),
        ("%m/%d/%Y", "12/31/2026"),
        ("%d.%m.%Y", "31.12.2026"),
        ("%d.%m.%y", "31.12.26"),
        ("%d %B %Y", "31 December 2026"),
    ],
)
def test_one_declared_order_is_read(starts, pattern, written):
    options = {"date_format": pattern} if pattern else {}

    assert starts([written], **options) == [NEW_YEARS_EVE]


@pytest.mark.parametrize(
    ("pattern", "written", "words"),
    [
        # Lines are those of the file: the header is line 1.
        (None, ["03/04/2026", "31/12/2026"], "written day first, as lines 3 show, and no"),
        (None, ["03/04/2026", "12/31/2026"], "written month first, as lines 3 show, and no"),
        (None, ["03/04/2026", "05/06/2026"], "does not say which: lines 2, 3, and no"),
        (None, ["13/01/2026", "01/13/2026"], "day first in lines 2, month first in lines 3"),
        ("%d/%m/%Y", ["03/04/2026", "12/31/2026"], "day first, but month first in lines 3"),
        ("%m/%d/%Y", ["03/04/2026", "31/12/2026"], "month first, but day first in lines 3"),
        ("%d.%m.%Y", ["31.12.2026"] + ["12.31.2026"] * 4, "month first in lines 3, 4, 5"),
    ],
)  # fmt: skip
def test_an_unclear_order_is_refused_with_lines(con, tmp_path, starts, pattern, written, words):
    with pytest.raises(FileRefused) as caught:
        starts(written, **({"date_format": pattern} if pattern else {}))

    assert caught.value.code == "F09"
    assert words in caught.value.what
    assert "2026" not in caught.value.what
    assert not (tmp_path / "staged" / "episodes.parquet").exists()


def test_in_an_archive_the_file_is_named(con, tmp_path):
    """F09 and F02 are found after reading, when the archive is closed already."""
    header = "episode_id,client_id,start_date\n"
    clinic = Clinic(clinic="harbor")
    path = tmp_path / "may.zip"

    def refusal_of(second: str) -> FileRefused:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("episodes_1.csv", header + "1,1,2026-12-31\n")
            archive.writestr("episodes_2.csv", second)
        with pytest.raises(FileRefused) as caught:
            stage(con, tmp_path, path, clinic)
        return caught.value

    unclear = refusal_of(header + "2,2,31/12/2026\n")
    assert unclear.code == "F09"
    assert unclear.what.startswith("episodes_2.csv in the archive: Day and month in start_date")
    assert unclear.__context__ is None

    lacking = refusal_of("episode_id,client_id\n2,2\n")
    assert lacking.code == "F02"
    assert lacking.what.startswith("episodes_2.csv in the archive: ")
    assert lacking.__context__ is None


def test_a_few_odd_dates_among_iso_ones_are_their_rows_own_fault(starts):
    """One of two is not most: the boundary of refusing the file."""
    assert starts(["2026-12-31", "03/04/2026"]) == [NEW_YEARS_EVE, BAD]


def test_a_date_that_fits_neither_order_is_a_bad_cell(starts):
    assert starts(["31/12/2026", "31/31/2026"], date_format="%d/%m/%Y") == [NEW_YEARS_EVE, BAD]


@pytest.mark.parametrize("written", ["05-04-26", "0005-04-26", "1799-12-31"])
def test_two_digits_are_no_year(starts, written):
    assert starts(["2026-12-31", "2026-12-31", written])[-1] == BAD


def test_the_first_day_that_can_be_meant(starts):
    assert starts(["1800-01-01"]) == [(date(1800, 1, 1), None)]


@pytest.mark.parametrize(
    ("formats", "conflict"),
    [
        (("%d/%m/%Y", "%m/%d/%Y"), True),
        (("%d/%m/%Y", "%m/%d/%Y %H:%M"), True),
        (("%y-%m-%d", "%d-%m-%y"), True),
        (("%d/%m/%Y", "%Y-%m-%d"), False),
        (("%d/%m/%Y", "%m-%d-%Y"), False),
        (("%Y-%m-%d", "%d-%m-%Y"), False),
        (("%d %b %Y", "%d %B %Y"), False),
        (("%d/%m/%Y", "%d/%m/%Y %H:%M"), False),
    ],
)
def test_formats_that_read_one_text_as_two_days(formats, conflict):
    assert (conflicting_formats(formats) is not None) is conflict


def test_a_yaml_with_both_orders_is_refused_with_its_line(tmp_path: Path):
    path = tmp_path / "harbor.yml"
    path.write_text("clinic: harbor\ndate_format: ['%d/%m/%Y', '%m/%d/%Y']\n")

    with pytest.raises(ConfigError, match=r"harbor.yml:2: date_format: .* as two days"):
        read_clinic_yaml(path)
