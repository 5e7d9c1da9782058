"""What every kind of check has in common; a kind is one subclass, and declared nowhere else."""

from __future__ import annotations

from typing import Any, ClassVar, get_args

from pydantic import BaseModel, ConfigDict

from expectations.checks.finding import Finding, Part, Sources
from expectations.rows.answers import Suspects
from expectations.rows.delivery import Staged

# Every kind declared so far; `expectations.checks.kinds` imports those of this folder.
KINDS: dict[str, type[Check]] = {}


class Strict(BaseModel):
    """Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Check(Strict):
    """A check of a rule: its fields are its keys in config/rules.yml, its methods its SQL.

    A subclass narrows ``kind`` to a Literal of one name, under which it is registered.

    Attributes
    ----------
    counts_scope : bool
        The findings count their scope themselves; without any, nothing is in scope.
    is_about_file : bool
        The file as a whole is decided on, before its rows are looked at.
    needs_closed_set : bool
        ``columns`` must have a closed set in the contract.
    broken, decided : str
        Of a kind decided outside SQL: what breaks the rule, and where that is decided.
    """

    kind: str

    counts_scope: ClassVar[bool] = False
    is_about_file: ClassVar[bool] = False
    needs_closed_set: ClassVar[bool] = False
    broken: ClassVar[str] = ""
    decided: ClassVar[str] = ""

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        (kind,) = get_args(cls.model_fields["kind"].annotation)
        if kind in KINDS:
            raise TypeError(f"two classes declare the kind {kind}")
        KINDS[kind] = cls

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns the check names that the contract of the rule's table must have."""
        return ()

    def part(self, staged: Staged, suspects: Suspects) -> Part | None:
        """Return what one row and its context decide.

        Returns
        -------
        Part or None
            None when the table has no column the check is about; an empty Part when several rows
            decide (`findings`), or another step.
        """
        return Part(())

    def findings(self, sources: Sources) -> list[Finding]:
        """Return the rows that several rows together condemn; none if single rows decide."""
        return []
