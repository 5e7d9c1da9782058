"""Several answers in one cell: a column per declared code, and the codes nobody declared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from transforms.errors import FileRefused
from transforms.formats.source import plural


class Choices:
    """The multi-select questions of one export.

    questions : place of each among the cells of a row, and its columns by code
    codes_in : the codes of one cell
    """

    def __init__(
        self,
        questions: Sequence[tuple[int, Mapping[str, str]]],
        codes_in: Callable[[str], set[str]],
    ) -> None:
        self.questions = questions
        self.codes_in = codes_in
        self.columns = tuple(name for _, named in questions for name in named.values())
        self.undeclared: Counter[int] = Counter()

    def cells(self, values: Sequence[str | None]) -> Iterator[str | None]:
        """Yield 1 or nothing for every code of every question of a row."""
        for at, named in self.questions:
            chosen = self.codes_in(values[at] or "")
            if not chosen <= named.keys():
                self.undeclared[at] += 1
            yield from ("1" if code in chosen else None for code in named)

    def refuse_undeclared(self, names: Sequence[str], what: str, block: str) -> None:
        """Refuse (F08) the file if a cell held a code that is not declared."""
        if self.undeclared:
            raise FileRefused(
                "F08",
                f"{plural(self.undeclared.total(), 'cell')} of "
                f"{', '.join(names[at] for at in self.undeclared)} hold {what} that "
                "`multi_select` does not declare",
                f"Add the {what} to `{block}.multi_select` in the clinic's YAML",
            )
