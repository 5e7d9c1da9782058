"""Which tests share a worker of `make test`, and which begin.

Two workers (pytest-xdist) take whole groups: the tests that use Airflow, whose nights and metadata
exist once; those that build with dbt, which parses the project once; else the tests of one file.
"""

from __future__ import annotations

import pytest

# Fixtures that exist once a session, the dearest first: what uses one is one group.
SHARED_BY_A_GROUP = ("airflow_home", "dbt")
# Groups that take longest, the longest first; a worker that gets one last keeps the other waiting.
SLOWEST = (
    "tests/transforms/formats/test_mutations.py",
    "tests/acceptance/test_planted_truth.py",
    "tests/service/test_approval_over_rest.py",
    "airflow_home",
    "dbt",
)


def group_of(item: pytest.Item) -> str:
    """Return the fixture the test shares with others, else its file."""
    shared = (name for name in SHARED_BY_A_GROUP if name in getattr(item, "fixturenames", ()))
    return next(shared, item.nodeid.partition("::")[0])


def slowest_first(items: list[pytest.Item]) -> None:
    """Sort whole groups in place; the others keep their order."""
    place = {group: number for number, group in enumerate(SLOWEST)}
    items.sort(key=lambda item: place.get(group_of(item), len(SLOWEST)))
