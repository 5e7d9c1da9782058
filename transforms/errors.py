"""Everything Rapport raises on purpose.

* RapportError                base class: our refusals, as opposed to Python's accidents
  - ConfigError               a file under config/ is wrong: says file, key and remedy
    - VaultError              the vault is open to others, or the key is not the one in use
  - FileRefused               one export cannot be read or used; the others go on
  - BalanceError              rows were lost or invented; nothing may be published
  - BuildError                dbt or an audit failed; yesterday's release stays
    - PromiseError            with the promises that are broken and the clinics that break them
  - NothingToDoError          the command has nothing to work on
  - BusyError                 somebody else writes; the same may be tried again later
  - FileChangedError          an export changed while it was read: left for the next night
  - LedgerError               the ledger's database could not do it (disk full, no right to write)
  - BackupError               a back-up is not whole, or may not be put where it was asked for

A message reads ``<where>: <what is wrong, with a count>. <what to do>.``
It names files, columns and counts. It never carries an answer, a score, a name,
a date of birth or an identifier: logs are read by people who may not see patient data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


class RapportError(Exception):
    """Base class of every refusal."""


class ConfigError(RapportError):
    """A configuration file is wrong."""

    def __init__(self, where: str, what: str, remedy: str) -> None:
        self.where = where
        super().__init__(f"{where}: {what}. {remedy}.")

    def with_others(self, others: Sequence[ConfigError]) -> ConfigError:
        """Return this error with the lines of others of the same file below its own."""
        self.args = ("\n".join(map(str, (self, *others))),)
        return self


class VaultError(ConfigError):
    """The vault is open to others, or its key is not the one people are known by."""


class FileRefused(RapportError):  # noqa: N818 - a refusal is an outcome, not an error of ours
    """One export cannot be used. ``code`` is the rule it broke (F01, F02, …).

    ``missing`` holds the columns it lacks, each with the one that resembles it or None.
    """

    def __init__(
        self, code: str, what: str, remedy: str, missing: Mapping[str, str | None] | None = None
    ) -> None:
        self.code = code
        self.missing = dict(missing or {})
        self.what = what
        self.remedy = remedy
        super().__init__(f"{what}. {remedy}.")


class BalanceError(RapportError):
    """Received rows do not equal loaded + duplicate + superseded + quarantined + erased."""


class BuildError(RapportError):
    """Building or auditing the release failed; the published release is unchanged."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A promise of the finished tables that is broken, and the clinics whose rows break it.

    ``clinics`` is empty when that cannot be told. ``what`` says in words which column lies where.
    """

    promise: str
    table: str | None
    what: str | None
    clinics: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = ", ".join(filter(None, (self.table, self.what)))
        return f"{self.promise} ({where})" if where else self.promise

    def in_full(self) -> str:
        """Return the promise with its clinics."""
        return f"{self}: {', '.join(self.clinics) or 'no single clinic'}"


class PromiseError(BuildError):
    """Promises of the tables are broken; each says by whose rows, where that can be told."""

    def __init__(self, message: str, broken: tuple[Broken, ...]) -> None:
        super().__init__(message)
        self.broken = broken

    def __reduce__(self) -> tuple[type[PromiseError], tuple[str, tuple[Broken, ...]]]:
        return type(self), (str(self), self.broken)


class NothingToDoError(RapportError):
    """The command found nothing to work on."""


class DefinitionError(ValueError):
    """A definition contradicts itself. The registry turns this into a ConfigError."""

    def __init__(self, key: str, what: str, remedy: str) -> None:
        self.key = key
        self.what = what
        self.remedy = remedy
        super().__init__(f"{key}: {what}. {remedy}.")


class BusyError(RapportError):
    """Somebody else writes to this home. Nothing was changed; try again later."""


class FileChangedError(RapportError):
    """An export is not what it was when it was hashed. It is left for the next night."""


class LedgerError(RapportError):
    """The ledger's database could not do what it was asked."""


class BackupError(RapportError):
    """A back-up is not whole, is another home's, or may not be put there."""
