"""Who may open which published file: config/roles.yml, whatever the umask."""

from __future__ import annotations

import grp
import os
import stat

import pytest

from pipeline.home import REPOSITORY, Home
from pipeline.storage.roles import FILE, READABLE, hand_over, read_roles
from transforms.errors import ConfigError

CAME_WITH = (REPOSITORY / "config" / FILE).read_text(encoding="utf-8")


@pytest.fixture
def place(tmp_path) -> Home:
    (tmp_path / "config").mkdir()
    return Home(tmp_path / "home", tmp_path / "config")


def release(place: Home):
    folder = place.release("r1").parent
    for path in (*READABLE[:3], "clinics/a.duckdb", "basis/x.parquet", "stray.txt"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()
    return folder


@pytest.mark.parametrize("umask", [0o000, 0o077], ids=oct)
def test_each_file_has_the_mode_of_its_role_and_what_has_none_is_nobodys(place, umask):
    text = CAME_WITH.replace('mode: "0640"', 'mode: "0400"', 1)
    (place.config / FILE).write_text(text)
    before = os.umask(umask)
    try:
        folder = release(place)
        hand_over(folder, read_roles(place))
    finally:
        os.umask(before)

    modes = {
        path.relative_to(folder).as_posix(): stat.S_IMODE(path.stat().st_mode)
        for path in (folder, *folder.rglob("*"))
    }
    assert modes == {
        ".": 0o750, "analytics.duckdb": 0o400, "public.duckdb": 0o640, "quality.duckdb": 0o640,
        "clinics": 0o750, "clinics/a.duckdb": 0o640,
        "basis": 0o700, "basis/x.parquet": 0o600, "stray.txt": 0o600,
    }  # fmt: skip


def test_a_file_is_given_to_its_group(place):
    """A group this process may give to: as root any, else one of its own."""
    own = grp.getgrgid(os.getegid()).gr_name
    groups = [grp.getgrgid(one).gr_name for one in os.getgroups()]
    other = next((name for name in [*groups, *(["daemon"] if os.geteuid() == 0 else [])]
                  if name != own), own)  # fmt: skip
    text = CAME_WITH.replace(
        "    purpose: publication\n", f"    purpose: publication\n    group: {other}\n"
    )
    (place.config / FILE).write_text(f"{text}folder_group: {other}\n")

    folder = release(place)
    hand_over(folder, read_roles(place))

    assert (folder / "public.duckdb").group() == folder.group() == other
    assert (folder / "analytics.duckdb").group() == own
    assert stat.S_IMODE((folder / "public.duckdb").stat().st_mode) == 0o640


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('mode: "0640"', 'mode: "0644"', r"roles\.yml:roles\.analytics\.duckdb\.mode: .*others"),
        ('mode: "0640"', 'mode: "0660"', "others never read"),
        ("    purpose: publication\n", "    purpose: publication\n    group: nobodys\n",
         "knows no group nobodys"),
        ("  public.duckdb:", "  publik.duckdb:", "say who reads each of analytics.duckdb"),
        ("purpose: publication", "reason: publication", r"public\.duckdb\.purpose: Field required"),
    ],
)  # fmt: skip
def test_a_role_that_cannot_hold_is_refused_before_the_night(place, old, new, said):
    (place.config / FILE).write_text(CAME_WITH.replace(old, new, 1))

    with pytest.raises(ConfigError, match=said):
        read_roles(place)


def test_every_published_file_has_a_purpose():
    roles = read_roles(Home(REPOSITORY / "nowhere", REPOSITORY / "config")).roles

    assert {role.purpose for role in roles.values()} == {
        "quality_improvement", "publication", "data_quality",
    }  # fmt: skip
    assert not roles["public.duckdb"].combinations, "no row of a person is in it"
