"""Which tests share a worker of `make test`, and which begin.

Two workers (pytest-xdist) take whole groups: the folders that use Airflow, whose nights and
metadata exist once; the folder that builds with dbt, which parses the project once; else the tests
of one file. The process that hands groups out knows tests by name only, so folders make the groups.
"""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadScopeScheduling

# The fixture that exists once a session, and the folders of the tests that share it.
SHARED = {
    "airflow_home": ("tests/acceptance/", "tests/dags/", "tests/service/"),
    "dbt": ("tests/dbt/",),
}
# Groups and files that take longest, the longest first, also of `make test-slow`; a worker that
# gets one last keeps the other waiting.
SLOWEST = (
    "tests/transforms/formats/test_mutations.py",
    "airflow_home",
    "tests/acceptance/test_planted_truth.py",
    "tests/service/test_approval_over_rest.py",
    "dbt",
    "tests/pipeline/commands/test_check.py",
)


def group_of(nodeid: str) -> str:
    """Return the fixture the test's folder shares, else its file."""
    shared = (fixture for fixture, folders in SHARED.items() if nodeid.startswith(folders))
    return next(shared, nodeid.partition("::")[0])


def slowest_first(items: list[pytest.Item]) -> None:
    """Sort whole groups in place, and the files within one; the others keep their order."""
    place = {name: number for number, name in enumerate(SLOWEST)}

    def key(item: pytest.Item) -> tuple[int, int]:
        names = group_of(item.nodeid), item.nodeid.partition("::")[0]
        return tuple(place.get(name, len(SLOWEST)) for name in names)

    items.sort(key=key)


class WholeGroups(LoadScopeScheduling):
    """Hands out groups in the order of the tests.

    xdist's own groups (`--dist loadgroup`) are lost under pytest 9.2: pytest-xdist issue 1386.
    """

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
