"""Decoding: from the bytes a clinic sent to UTF-8 text, or a refusal that says what to do.

UTF-8 is read where it lies. UTF-16 and Windows-1252 are recognized and rewritten as UTF-8
into the scratch folder; charset-normalizer judges whether Windows-1252 is plausible, because
almost any bytes decode with it. Every other encoding must be declared.
"""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from charset_normalizer import from_bytes

from transforms.errors import FileRefused
from transforms.formats.source import plural

CHUNK = 8 * 1024 * 1024
SAMPLE = 64 * 1024
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f")) + b"\x7f"
_MAGIC = {
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old or password-protected Office file",
    b"\x1f\x8b": "a gzip archive",
    b"%PDF": "a PDF",
    b"PAR1": "a Parquet file",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
}
_AS_TEXT = "Export it again as CSV, encoded in UTF-8"
_DECLARE = "Export it as UTF-8, or declare `encoding:` in the clinic's YAML"


@dataclass(frozen=True)
class TextFile:
    """UTF-8 text on disk. ``n_lines`` counts physical lines without trailing empty ones.

    has_odd_line_ends : carriage returns that do not belong to a CRLF.
    has_odd_spaces : tabs, no-break spaces or carriage returns that may surround a value.
    is_ascii : no character beyond ASCII.
    has_double_blanks : two blanks in a row anywhere.
    """

    path: Path
    encoding: str
    n_lines: int
    has_odd_line_ends: bool
    has_odd_spaces: bool
    is_ascii: bool = False
    has_double_blanks: bool = True


def as_utf8(path: Path, scratch: Path, *, encoding: str | None = None) -> TextFile:
    """Return the file as UTF-8 text, rewritten into ``scratch`` only where needed.

    Raises
    ------
    FileRefused
        F01: empty, binary, NUL bytes, unknown or wrong encoding.
    """
    if path.stat().st_size == 0:
        raise FileRefused("F01", "The file is empty (0 bytes)", "Export it again")
    head = _head(path)
    _refuse_binary(head, encoding)
    encoding = encoding or _encoding_by_mark(head)
    if encoding is None:
        measure = _measure(path)
        if measure.is_utf8:
            return _text_file(path, "utf-8", measure)
        encoding = _single_byte_encoding(path)
    rewritten = _rewrite(path, scratch, encoding)
    try:
        return _text_file(rewritten, encoding, _measure(rewritten))
    except FileRefused:
        rewritten.unlink()
        raise


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(SAMPLE)


def _refuse_binary(head: bytes, encoding: str | None) -> None:
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            raise FileRefused("F01", f"The file is {kind}, not text", _AS_TEXT)
    if encoding or _encoding_by_mark(head):
        return
    n_controls = len(head) - len(head.translate(None, _CONTROLS))
    if n_controls > len(head) // 1000 + 1:
        raise FileRefused("F01", "The file is binary, not text", _AS_TEXT)


def _encoding_by_mark(head: bytes) -> str | None:
    """Recognize UTF-16 by its byte order mark, or by NULs in every other byte."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    n_even, n_odd = head[0::2].count(0), head[1::2].count(0)
    half = len(head) // 2
    if half >= 2 and n_odd > half * 0.7 and n_even < half * 0.1:
        return "utf-16-le"
    if half >= 2 and n_even > half * 0.7 and n_odd < half * 0.1:
        return "utf-16-be"
    return None


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            yield chunk


def _single_byte_encoding(path: Path) -> str:
    sample = b""
    with path.open("rb") as stream:
        for line in stream:
            if not line.isascii():
                sample += line
            if len(sample) > SAMPLE:
                break
    if from_bytes(sample[:SAMPLE], cp_isolation=["cp1252"]).best() is None:
        raise FileRefused("F01", "The text is not UTF-8, UTF-16 or Windows-1252", _DECLARE)
    return "cp1252"


def _rewrite(path: Path, scratch: Path, encoding: str) -> Path:
    """Write the text as UTF-8, readable by its owner only."""
    target = scratch / f"{path.name}.utf8"
    target.unlink(missing_ok=True)
    descriptor = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    if not _copy_decoded(path, descriptor, encoding):
        target.unlink()
        # Not raised while handling the decoding error: that error holds the file's bytes.
        raise FileRefused("F01", f"The text cannot be decoded as {encoding}", _DECLARE)
    return target


def _copy_decoded(path: Path, descriptor: int, encoding: str) -> bool:
    try:
        with (
            open(descriptor, "w", encoding="utf-8", newline="") as output,
            path.open(encoding=encoding, newline="") as stream,
        ):
            while chunk := stream.read(CHUNK):
                output.write(chunk)
    except (UnicodeError, LookupError):
        return False
    return True


class _Measure:
    """What one pass over the bytes tells: whether they are UTF-8, and how their lines end."""

    def __init__(self) -> None:
        self.n_newlines = self.n_returns = self.n_pairs = self.n_nul = 0
        self.has_odd_spaces = self.has_double_blanks = False
        self.is_utf8 = self.is_ascii = True
        self.last = b""
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def add(self, chunk: bytes) -> None:
        """Count one chunk."""
        self.n_nul += chunk.count(b"\0")
        self.n_newlines += chunk.count(b"\n")
        self.has_odd_spaces = self.has_odd_spaces or b"\t" in chunk or b"\xa0" in chunk
        across = self.last.endswith(b" ") and chunk.startswith(b" ")
        self.has_double_blanks = self.has_double_blanks or across or b"  " in chunk
        if b"\r" in chunk or self.last.endswith(b"\r"):
            across = self.last.endswith(b"\r") and chunk.startswith(b"\n")
            self.n_returns += chunk.count(b"\r")
            self.n_pairs += chunk.count(b"\r\n") + across
        self.decode(chunk)
        self.last = chunk or self.last

    def decode(self, chunk: bytes, *, final: bool = False) -> None:
        """Check that a chunk is UTF-8. Plain ASCII is ten times faster to see than to decode."""
        is_ascii = chunk.isascii()
        self.is_ascii = self.is_ascii and is_ascii
        if self._decoder.getstate()[0] or final or not is_ascii:
            try:
                self._decoder.decode(chunk, final)
            except UnicodeDecodeError:
                self.is_utf8 = False
                self._decoder.reset()


def _measure(path: Path) -> _Measure:
    measure = _Measure()
    for chunk in _chunks(path):
        measure.add(chunk)
    measure.decode(b"", final=True)
    return measure


def _text_file(path: Path, encoding: str, measure: _Measure) -> TextFile:
    if measure.n_nul:
        raise FileRefused("F01", f"The text holds {plural(measure.n_nul, 'NUL byte')}", _AS_TEXT)
    tail = measure.last[-SAMPLE:]
    n_trailing_empty = max(0, tail[len(tail.rstrip(b"\r\n")) :].count(b"\n") - 1)
    n_lines = measure.n_newlines + (not tail.endswith(b"\n")) - n_trailing_empty
    has_odd_ends = measure.n_returns != measure.n_pairs
    has_odd_spaces = measure.has_odd_spaces or has_odd_ends
    return TextFile(
        path,
        encoding,
        n_lines,
        has_odd_ends,
        has_odd_spaces,
        measure.is_ascii,
        measure.has_double_blanks,
    )
