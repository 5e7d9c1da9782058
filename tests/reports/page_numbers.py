"""Read the numbers of a common-factors page back, with the query each of them names."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path


@dataclass
class Shown:
    """One number on the page: what it claims to be and how it is written."""

    row: int
    column: str
    value: str
    factor: float
    text: str = ""


@dataclass
class Block:
    """A query with everything the page shows of its answer."""

    sql: str = ""
    said: str = ""
    numbers: list[Shown] = field(default_factory=list)
    quoted: list[Shown] = field(default_factory=list)
    words: list[Shown] = field(default_factory=list)
    n_rows: int = 0


class PageReader(HTMLParser):
    """Collect the blocks of a page; ``text`` is everything a reader sees."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks: list[Block] = []
        self.text: list[str] = []
        self._open: list[tuple[str, str]] = []
        self._target: Shown | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag not in ("meta", "link", "path", "use", "br"):
            self._open.append((tag, given.get("class", "")))
        if given.get("class") == "block":
            self.blocks.append(Block())
        if tag == "tr" and self._inside("tbody"):
            self.blocks[-1].n_rows += 1
        if tag == "data":
            self._target = Shown(
                int(given["data-row"]), given["data-column"], given["value"],
                float(given["data-factor"]),
            )  # fmt: skip
            self.blocks[-1].numbers.append(self._target)
        elif "data-row" in given:
            self._target = Shown(int(given["data-row"]), given["data-column"], "", 1)
            self.blocks[-1].quoted.append(self._target)
        elif tag == "td" and "data-column" in given:
            self._target = Shown(self.blocks[-1].n_rows - 1, given["data-column"], "", 1)
            self.blocks[-1].words.append(self._target)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass
        if tag in ("data", "cite", "span", "td"):
            self._target = None

    def handle_data(self, data: str) -> None:
        if self._inside("script") or self._inside("style"):
            return
        self.text.append(data)
        if self._target is not None:
            self._target.text += data
        elif self._inside("code") and self._inside("pre"):
            self.blocks[-1].sql += data
        elif any(name == "said" for _, name in self._open) and not self._form():
            self.blocks[-1].said += data

    def _inside(self, tag: str) -> bool:
        return any(name == tag for name, _ in self._open)

    def _form(self) -> bool:
        return any(name == "form" for _, name in self._open)


def read_page(path: Path) -> PageReader:
    """Return the blocks of a written page."""
    reader = PageReader()
    reader.feed(path.read_text(encoding="utf-8"))
    return reader


def number_of(text: str) -> tuple[float, int]:
    """Return what a written number says and its decimals: "−1,234.5 %" is -1234.5 and 1."""
    plain = text.replace("−", "-").replace(",", "").replace("%", "").strip()
    assert re.fullmatch(r"-?\d+(\.\d+)?", plain), text
    return float(plain), len(plain.partition(".")[2])
