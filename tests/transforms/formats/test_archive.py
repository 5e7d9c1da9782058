"""Archives: what is in them is read as if it lay there unpacked; bombs and traps are refused."""

from __future__ import annotations

import gzip
import io
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import pytest

from transforms.clinics.clinic import Clinic, canonical_clinic
from transforms.errors import FileRefused
from transforms.formats import archive
from transforms.intake.read_file import read_export

CANARY = "Zebedee Quillfeather"
CSV = b"client_id,gender\n1,f\n2,m\n"
SESSIONS = b"session_id,client_id,therapist_id,session_at,attendance\n1,1,1,2026-05-01,attended\n"


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip of names and contents."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        for name, content in members.items():
            file.writestr(zipfile.ZipInfo(name), content, method)
    return out.getvalue()


def gzipped(content: bytes) -> bytes:
    """Return a gzip that is the same at any time: workers compare the names of their tests."""
    return gzip.compress(content, mtime=0)


# Nothing but the check sum tells that a byte of it was changed.
STORED = zipped({"clients.csv": CSV}, zipfile.ZIP_STORED)


@pytest.fixture
def read(con, tmp_path):
    """Deliver bytes under a name; the scratch folder must be empty afterwards."""
    landing, scratch = tmp_path / "landing", tmp_path / "scratch"
    landing.mkdir()
    scratch.mkdir()

    def sources(name: str, raw: bytes, clinic: Clinic | None = None):
        (landing / name).write_bytes(raw)
        try:
            return read_export(
                landing / name, clinic or canonical_clinic("summit"), con=con, scratch=scratch
            )
        finally:
            assert list(scratch.iterdir()) == []

    return sources


def refusal_of(read, name: str, raw: bytes, clinic: Clinic | None = None) -> FileRefused:
    """Return the refusal; it carries neither content nor another error, and leaves no table."""
    with pytest.raises(FileRefused) as caught:
        read(name, raw, clinic)
    assert CANARY not in str(caught.value)
    assert caught.value.__context__ is None
    return caught.value


def rows_of(con, source) -> list[tuple]:
    return con.execute(f"select * from {source.relation} order by _line").fetchall()


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("clients.csv.gz", gzipped(CSV)),
        ("Clients.CSV.GZ", gzipped(CSV[:9]) + gzipped(CSV[9:])),
        ("may.zip", zipped({"clients.csv": CSV})),
        ("may.zip", zipped({"clients.csv": CSV}, zipfile.ZIP_STORED)),
        ("may.zip", zipped({"exports/may/clients.csv": CSV, "exports/": b""})),
        ("may.zip", zipped({"clients.csv": CSV, "__MACOSX/._clients.csv": b"\0\5\26\7"})),
    ],
)
def test_an_archive_is_read_like_the_file_in_it(con, read, name, raw):
    (source,) = read(name, raw)

    assert rows_of(con, source) == [("1", "f", 2), ("2", "m", 3)]
    assert source.place.lower() == "clients.csv"


def test_every_member_is_a_file_of_its_own(read):
    sources = read("may.zip", zipped({"clients.csv": CSV, "sessions.csv": SESSIONS}))

    assert [(s.member, s.n_rows) for s in sources] == [("clients.csv", 2), ("sessions.csv", 1)]


def test_one_member_that_cannot_be_read_refuses_the_archive_and_leaves_nothing(con, read):
    raw = zipped({"clients.csv": CSV, "sessions.csv": b"session_id,word\n1\n"})

    refusal = refusal_of(read, "may.zip", raw)

    assert refusal.code == "F05"
    assert refusal.what.startswith("sessions.csv in the archive: 1 row without exactly 2 cells")
    assert con.execute("show tables").fetchall() == []


def test_only_members_that_fit_the_pattern_are_read(read):
    clinic = Clinic(clinic="summit", files="clients*.csv")
    raw = zipped({"clients.csv": CSV, "read me.txt": CANARY.encode()})

    assert [source.member for source in read("may.zip", raw, clinic)] == ["clients.csv"]
    refusal = refusal_of(read, "may.zip", zipped({"a.txt": CSV}), clinic)
    assert refusal.code == "F06"
    assert "files: clients*.csv" in refusal.what


@pytest.mark.parametrize("inside", [True, False])
def test_a_dictionary_is_found_in_the_archive_and_beside_it(con, read, tmp_path, inside):
    fixtures = Path(__file__).parents[2] / "fixtures" / "redcap"
    export = (fixtures / "export.csv").read_bytes()
    dictionary = (fixtures / "dictionary.csv").read_bytes()
    clinic = Clinic(
        clinic="lakeside",
        format="redcap",
        dictionary="dictionary*.csv",
        feeds=[{"table": "clients", "form": "intake", "columns": {"client_id": "record_id"}}],
    )
    members = {"export.csv": export}
    if inside:
        members["dictionary_1.csv"] = dictionary
    else:
        (tmp_path / "landing" / "dictionary_1.csv").write_bytes(dictionary)

    (source,) = read("project.zip", zipped(members), clinic)

    assert source.place == "export.csv: intake"


def locked() -> bytes:
    """A zip whose member is marked as encrypted, in both of its headers."""
    raw = bytearray(zipped({"clients.csv": CSV}))
    raw[6] |= 1
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    return bytes(raw)


def lying(n_bytes: int) -> bytes:
    """A zip whose directory says 1,000 bytes and whose data unpack to more, sums correct."""
    content = b"client_id\n" + b"1\n" * (n_bytes // 2)
    raw = bytearray(zipped({"clients.csv": content}))
    at = raw.index(b"PK\x01\x02")
    for offset in (14, at + 16):
        struct.pack_into("<L", raw, offset, zlib.crc32(content[:1000]))
    for offset in (22, at + 24):
        struct.pack_into("<L", raw, offset, 1000)
    return bytes(raw)


@pytest.mark.parametrize(
    ("name", "raw", "words"),
    [
        ("clients.csv.gz", b"", "empty (0 bytes)"),
        ("clients.csv.gz", CSV, "gzip archive is damaged"),
        ("clients.csv.gz", gzipped(CSV)[:-9], "gzip archive is damaged"),
        ("clients.csv.gz", gzipped(CSV) + b"junk", "gzip archive is damaged"),
        ("clients.zip.gz", gzipped(zipped({"a.csv": CSV})), "holds another archive"),
        ("may.zip", b"", "empty (0 bytes)"),
        ("may.zip", CSV, "zip archive is damaged"),
        ("may.zip", zipped({"clients.csv": CSV})[:-30], "zip archive is damaged"),
        ("may.zip", zipped({}), "holds no file"),
        ("may.zip", zipped({"clients.csv.gz": gzipped(CSV)}), "holds another archive"),
        ("may.zip", zipped({"a.zip": zipped({"clients.csv": CSV})}), "holds another archive"),
        ("may.zip", zipped({"../clients.csv": CSV}), "points elsewhere"),
        ("may.zip", zipped({"/etc/clients.csv": CSV}), "points elsewhere"),
        ("may.zip", zipped({"C:\\clients.csv": CSV}), "points elsewhere"),
        ("may.zip", zipped({"..\\clients.csv": CSV}), "points elsewhere"),
        ("may.zip", zipped({"a\nclients.csv": CSV}), "points elsewhere"),
        ("may.zip", zipped({"a/clients.csv": CSV, "b/Clients.csv": CSV}), "the same name"),
        ("may.zip", zipped({"[Content_Types].xml": b"<a/>"}), "Office document"),
        ("may.zip", zipped({"clients.csv": CSV}, zipfile.ZIP_LZMA), "does not read"),
        ("may.zip", locked(), "encrypted"),
        ("may.zip", lying(50_000), "zip archive is damaged"),
        ("may.zip", STORED.replace(b"1,f", b"9,f"), "zip archive is damaged"),
        ("may.zip", zipped({"clients.csv": CSV})[3:], "zip archive is damaged"),
    ],
)
def test_a_hostile_or_broken_archive_is_refused(read, name, raw, words):
    refusal = refusal_of(read, name, raw)

    assert refusal.code == "F01"
    assert words in refusal.what
    assert refusal.remedy


@pytest.mark.parametrize("kind", ["gzip", "zip"])
def test_a_bomb_is_refused_before_memory_or_disk_fill(read, tmp_path, kind):
    """200 MB of blanks in 200 kB: stopped at 32 MiB, with a few chunks in memory."""
    content = b" " * 200_000_000
    raw = gzip.compress(content, 9) if kind == "gzip" else zipped({"clients.csv": content})
    del content
    name = "clients.csv.gz" if kind == "gzip" else "may.zip"
    tracemalloc.start()

    refusal = refusal_of(read, name, raw)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "250 times its size" in refusal.what
    assert peak < 20_000_000


@pytest.mark.parametrize(("n_bytes", "is_read"), [(len(CSV), True), (len(CSV) - 1, False)])
def test_the_absolute_limit_holds_at_its_value(monkeypatch, read, n_bytes, is_read):
    monkeypatch.setattr(archive, "LARGEST_UNPACKED", n_bytes)

    if is_read:
        assert read("clients.csv.gz", gzipped(CSV))[0].n_rows == 2
    else:
        assert "unpacks to more than" in refusal_of(read, "may.zip", zipped({"a.csv": CSV})).what


@pytest.mark.parametrize(("n_members", "is_read"), [(3, True), (4, False)])
def test_no_more_members_than_allowed(monkeypatch, read, n_members, is_read):
    monkeypatch.setattr(archive, "MOST_MEMBERS", 3)
    raw = zipped({f"clients_{n}.csv": CSV for n in range(n_members)})

    if is_read:
        assert len(read("may.zip", raw)) == 3
    else:
        assert "holds 4 files" in refusal_of(read, "may.zip", raw).what
