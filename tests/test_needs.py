"""A proof that is skipped is named at the end of a run, and is an error in CI."""

from __future__ import annotations

from collections import Counter

import hypothesis
import pytest

from tests import needs
from tests.needs import Need

HERE = Need("here", lambda: "/bin/here", "what is proved", "nothing to install", in_ci=True)
ABSENT = Need("absent", lambda: None, "that it works", "apt-get install absent", in_ci=True)
OPTIONAL = Need("optional", lambda: None, "a detail", "apt-get install optional")


def test_what_a_machine_lacks_is_named_with_what_it_proves_and_how():
    assert needs.unproved(Counter({ABSENT.reason: 2}), [HERE, ABSENT, OPTIONAL]) == [
        "absent (2 tests skipped): that it works",
        "    to prove it: apt-get install absent",
        "optional: a detail",
        "    to prove it: apt-get install optional",
    ]
    assert needs.unproved(Counter(), [HERE]) == []


@pytest.mark.parametrize("value", ["", "0", "false", "False"])
def test_only_ci_ends_without_a_program(monkeypatch, value):
    monkeypatch.setenv("CI", value)
    needs.refuse_ci_without([ABSENT])

    monkeypatch.setenv("CI", "true")
    needs.refuse_ci_without([HERE, OPTIONAL])
    with pytest.raises(pytest.UsageError, match="Install what is missing: absent"):
        needs.refuse_ci_without([HERE, ABSENT, OPTIONAL])


def test_a_test_without_its_program_is_skipped_for_the_reason_that_is_counted():
    assert needs.require(HERE) == "/bin/here"
    with pytest.raises(pytest.skip.Exception) as skipped:
        needs.require(ABSENT)
    assert str(skipped.value) == needs.without(ABSENT).kwargs["reason"] == ABSENT.reason


def test_ci_tries_the_same_examples_on_every_run():
    assert hypothesis.settings.default.derandomize is needs.is_ci()
    assert hypothesis.settings.default.deadline is None
