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
# Groups that take longest, the longest first; a worker that gets one last keeps the other waiting.
SLOWEST = (
    "tests/transforms/formats/test_mutations.py",
    "airflow_home",
    "dbt",
    "tests/pipeline/commands/test_check.py",
)


def group_of(nodeid: str) -> str:
    """Return the fixture the test's folder shares, else its file."""
    shared = (fixture for fixture, folders in SHARED.items() if nodeid.startswith(folders))
    return next(shared, nodeid.partition("::")[0])


def slowest_first(items: list[pytest.Item]) -> None:
    """Sort whole groups in place; the others keep their order."""
    place = {group: number for number, group in enumerate(SLOWEST)}
    items.sort(key=lambda item: place.get(group_of(item.nodeid), len(SLOWEST)))


class WholeGroups(LoadScopeScheduling):
    """Hands out groups in the order of the tests.

    xdist's own groups (`--dist loadgroup`) are lost under pytest 9.2: pytest-xdist issue 1386.
    """

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
