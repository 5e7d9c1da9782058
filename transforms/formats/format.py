"""What a format is: one class that says all Rapport needs to know of one kind of export.

A subclass with a `name`, in any module below `transforms/formats`, is a format: `registry` finds
it. `rapport inspect` and `check`, the clinic's YAML and its JSON Schema follow from it.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import ClassVar, Literal, Protocol, TypeVar

from transforms.contract import canonical_table
from transforms.errors import FileRefused
from transforms.formats.head import Head, Kind
from transforms.formats.names import fits
from transforms.formats.options import Options
from transforms.formats.request import Request
from transforms.formats.source import Source

# A path of keys in the clinic's YAML, what is wrong there, and what to do.
Problem = tuple[tuple[str | int, ...], str, str]
_DIGITS = re.compile(r"\d{4,}(?:[-_.]?\d+)*")


@dataclass(frozen=True)
class Block:
    """The key of a clinic's YAML that holds what only this format has.

    Formats may share one. If a key in it is required, the block may be left out whole, and its
    description stands for it in the JSON Schema.
    """

    key: str
    model: type[Options]
    description: str | None = None

    @property
    def is_optional(self) -> bool:
        """Whether a clinic without the block has none, not one of defaults."""
        return any(field.is_required() for field in self.model.model_fields.values())


@dataclass(frozen=True)
class Recognition:
    """Why a file is of a format, and how sure that is: high, medium or low.

    header_row : where the names stand if not in the first line
    dictionary : what explains the export, beside it
    options : the format's block, if the file needs one to be read
    """

    reason: str
    confidence: str = "high"
    header_row: int | None = None
    dictionary: str | None = None
    options: Options | None = None


@dataclass(frozen=True)
class UnknownForm:
    """A form nobody mapped yet: what may be its answers, in the best order there is.

    missing : what lies nowhere beside the export and would tell more; None where nothing lacks
    """

    name: str
    columns: list[str]
    missing: str | None = None


class DeclaredFeed(Protocol):
    """What a format may look at in a feed of the YAML."""

    @property
    def form(self) -> str | None: ...
    @property
    def sheet(self) -> str | None: ...
    @property
    def files(self) -> str | None: ...
    @property
    def values(self) -> Mapping[str, Mapping[str, str]]: ...


class DeclaredClinic(Protocol):
    """What a format may look at in a clinic's YAML."""

    @property
    def dictionary(self) -> str | None: ...
    @property
    def feeds(self) -> Sequence[DeclaredFeed]: ...


AnyFeed = TypeVar("AnyFeed", bound=DeclaredFeed)


class Format(ABC):
    """One kind of export. What is left as it is here does not apply to it.

    name : as in `format:` of the YAML
    order : its place among the formats. They are listed so, and asked so whether they recognize a
        file; the first that is sure wins
    block : the part of the YAML only this format has
    page : its page in docs/formats
    kinds : what its files are made of
    needs_feeds : whether the YAML must map columns; if not, they have known names
    has_texts : whether answers are choice texts, which capitals and blanks do not tell apart
    may_be_reshaped : whether a feed may read wide rows and item rows
    has_any_shape : whether no system fixes the columns, so that a draft looks for such rows
    feed_key : what tells the tables of one file apart in a feed
    row_parts : columns that, after the client's id, tell the rows of one client apart
    response_column : the column that numbers responses by the system's own rule: never a client
    trial_columns : columns of the YAML with which a draft reads a file, where some are read only
        if mapped
    everything : options with which responses count that are left out otherwise
    """

    name: ClassVar[str]
    order: ClassVar[int] = 1000
    block: ClassVar[Block | None] = None
    kinds: ClassVar[frozenset[Kind]] = frozenset({"text", "workbook"})
    needs_feeds: ClassVar[bool] = True
    has_texts: ClassVar[bool] = False
    may_be_reshaped: ClassVar[bool] = False
    has_any_shape: ClassVar[bool] = False
    feed_key: ClassVar[Literal["form", "sheet"] | None] = None
    row_parts: ClassVar[tuple[str, ...]] = ()
    response_column: ClassVar[str | None] = None
    trial_columns: ClassVar[Mapping[str, str] | None] = None
    everything: ClassVar[Options | None] = None

    @property
    def page(self) -> str:
        """File name of its page in docs/formats."""
        return f"{self.name.replace('_', '-')}.md"

    @abstractmethod
    def recognizes(self, head: Head) -> Recognition | None:
        """Say why an undescribed file is of this format; None if it is not.

        A refusal counts only if no other format is sure.
        """

    def refusal_of_nothing(self, path: Path, scratch: Path) -> FileRefused | None:
        """Say what a file without any row is, if what lies beside it tells."""
        return None

    @abstractmethod
    def read(self, request: Request) -> list[Source]:
        """Read every table of one file that a feed can use.

        Raises
        ------
        FileRefused
            The file cannot be used; codes are in `transforms.formats.source.REFUSALS`.
        """

    def problems(self, clinic: DeclaredClinic) -> Iterable[Problem]:
        """Yield what this format cannot read in a clinic's YAML."""
        return ()

    def companions(self, options: Options | None) -> list[str]:
        """Return name patterns of files that are no exports but explain them."""
        return []

    def table_of(self, file_name: str, place: str | None) -> str | None:
        """Return the table a file, or a sheet of it, goes into where the YAML has no feeds."""
        return canonical_table(place or PurePath(file_name).name)

    def chosen(self, feeds: Sequence[AnyFeed], file_name: str, place: str | None) -> list[AnyFeed]:
        """Return the feeds that read a file, or a sheet or form of it."""
        return [feed for feed in feeds if _reads(feed, file_name, place)]

    # What a draft needs to know besides.

    def explains(self, path: Path, scratch: Path) -> bool:
        """Whether a file of an archive is no export but explains one."""
        return False

    def forms(self, path: Path, found: Recognition, scratch: Path) -> list[str | None]:
        """Return the forms of an export a draft needs a feed for; None is any."""
        return [None]

    def unexplained(self, path: Path, found: Recognition, scratch: Path) -> list[UnknownForm]:
        """Return every form that no instrument's codes explain.

        Asked where a file is refused (F08) though its YAML maps nothing yet.
        """
        return []

    def is_own_column(self, name: str) -> bool:
        """Whether the system itself writes a column: no answer, whatever it holds."""
        return False

    def client_column(self, path: Path, found: Recognition, scratch: Path) -> str | None:
        """Return the column that is the client, if the system says so itself."""
        return None

    def time_column(self, form: str | None) -> str | None:
        """Return the column with the time a form was sent off, if the format has one."""
        return None

    def joined(self, path: Path) -> Iterator[Options]:
        """Yield options to try where no column names a client or differs in every row."""
        yield from ()

    def drafted_files(self, path: Path) -> str:
        """Return the name pattern of the deliveries to come."""
        return file_pattern(path.name)

    def drafted_block(self, options: Options) -> dict[str, object]:
        """Return what the draft says in the format's block."""
        return options.model_dump(exclude_defaults=True)


def _reads(feed: DeclaredFeed, file_name: str, place: str | None) -> bool:
    wanted = feed.form or feed.sheet
    if feed.files and not fits(file_name, feed.files):
        return False
    return wanted is None or place is None or wanted.lower() == place.lower()


def file_pattern(name: str) -> str:
    """Return a pattern for the deliveries to come: long numbers, such as dates, may change.

    Examples
    --------
    >>> file_pattern("Lakeside_DATA_2026-05-01.csv"), file_pattern("data[1].csv")
    ('Lakeside_DATA_*.csv', 'data[[]1].csv')
    """
    return _DIGITS.sub("*", name.replace("[", "[[]"))
