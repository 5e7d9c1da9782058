"""Archives (gzip, zip): unpacked into the scratch folder under limits that hold while unpacking.

What a zip's directory says about a member is checked against what comes out of it, chunk by
chunk, so that a directory that lies is found before memory or disk fill.
"""

from __future__ import annotations

import gzip
import os
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import mkdtemp
from typing import IO, BinaryIO, Protocol

from transforms.errors import FileRefused

ARCHIVES = (".gz", ".zip")
LARGEST_UNPACKED = 8 * 1024**3
# Text shrinks to a tenth, tables of one repeated row to a hundredth; a bomb to a thousandth.
HIGHEST_RATIO = 250
RATIO_COUNTS_FROM = 32 * 1024**2
MOST_MEMBERS = 1_000
CHUNK = 1024**2
_LOCAL = struct.Struct("<4s5H3L2H")
_JUNK = ("__MACOSX/", ".DS_Store", "Thumbs.db")
_AGAIN = "Pack it again and send the whole file"


class Damaged(Exception):  # noqa: N818 - never leaves the readers
    """A member that is not what the archive's directory says."""


def is_archive(name: str) -> bool:
    """Whether a file of this name is unpacked before it is read."""
    return PurePosixPath(name).suffix.lower() in ARCHIVES


@contextmanager
def unpacked(
    path: Path, scratch: Path, *, beside: Callable[[str], bool] = lambda name: False
) -> Iterator[list[Path]]:
    """Unpack an archive for as long as the block runs; any other file is given as it is.

    Parameters
    ----------
    beside : callable
        Whether a file next to the archive explains its members; it is linked beside them.

    Yields
    ------
    list of Path
        Members in the archive's order, under their own names without folders.

    Raises
    ------
    FileRefused
        F01: damaged, encrypted, unsafe names, too large, an archive in an archive.
    """
    if not is_archive(path.name):
        yield [path]
        return
    if path.stat().st_size == 0:
        raise FileRefused("F01", "The file is empty (0 bytes)", "Export it again")
    folder = Path(mkdtemp(prefix="unpacked-", dir=scratch))
    try:
        members = _gunzip(path, folder) if path.suffix.lower() == ".gz" else _unzip(path, folder)
        for one in sorted(path.parent.iterdir()):
            if one != path and beside(one.name) and not (folder / one.name).exists():
                (folder / one.name).symlink_to(one.resolve())
        yield members
    finally:
        shutil.rmtree(folder)


def _gunzip(path: Path, folder: Path) -> list[Path]:
    target = folder / path.name[: -len(path.suffix)]
    _refuse_nested(target.name)
    limit = _Limit(folder)
    is_whole = False
    try:
        with (
            path.open("rb") as packed,
            gzip.GzipFile(fileobj=packed) as stream,
            _create(target) as output,
        ):
            while chunk := stream.read(CHUNK):
                limit.add(len(chunk), packed.tell())
                output.write(chunk)
        is_whole = True
    except (gzip.BadGzipFile, EOFError, zlib.error):
        pass
    if not is_whole:
        raise FileRefused("F01", "The gzip archive is damaged, cut off, or none at all", _AGAIN)
    return [target]


def _unzip(path: Path, folder: Path) -> list[Path]:
    is_whole = False
    try:
        with zipfile.ZipFile(path) as archive, path.open("rb") as stream:
            members = _checked_members(archive)
            limit = _Limit(folder)
            for name, info in members:
                with _create(folder / name) as output:
                    before = limit.n_packed
                    for chunk, n_packed in inflated(stream, info):
                        limit.add(len(chunk), before + n_packed)
                        output.write(chunk)
        is_whole = True
    except (zipfile.BadZipFile, Damaged, OSError, ValueError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk, not the archive
    if not is_whole:
        raise FileRefused("F01", "The zip archive is damaged, cut off, or none at all", _AGAIN)
    return [folder / name for name, _ in members]


def _checked_members(archive: zipfile.ZipFile) -> list[tuple[str, zipfile.ZipInfo]]:
    """Return the files in the archive by their plain names; refuse what cannot be unpacked."""
    infos = [info for info in archive.infolist() if not info.is_dir() and not _is_junk(info)]
    if len(infos) > MOST_MEMBERS:
        raise FileRefused("F01", f"The zip archive holds {len(infos):,} files", "Send fewer")
    if not infos:
        raise FileRefused("F01", "The zip archive holds no file", _AGAIN)
    if any(info.filename == "[Content_Types].xml" for info in infos):
        raise FileRefused(
            "F01", "The file is an Office document under the name .zip", "Rename it to .xlsx"
        )
    members: dict[str, zipfile.ZipInfo] = {}
    for position, info in enumerate(infos, 1):
        name = _plain_name(info, position)
        if name.lower() in map(str.lower, members):
            raise FileRefused(
                "F01",
                f"Two files of the zip archive have the same name (numbers {position} and earlier)",
                "Give every file a name of its own",
            )
        members[name] = info
    return list(members.items())


def _is_junk(info: zipfile.ZipInfo) -> bool:
    return info.filename.startswith(_JUNK) or info.filename.endswith(_JUNK)


def _plain_name(info: zipfile.ZipInfo, position: int) -> str:
    """Return a member's name without folders; refuse names made to escape and locked members."""
    name = info.orig_filename
    parts = PurePosixPath(name).parts
    is_unsafe = name.startswith("/") or ".." in parts or not name.isprintable()
    if is_unsafe or any(mark in name for mark in '\\:*?"<>|') or len(parts[-1]) > 150:
        raise FileRefused(
            "F01",
            f"File {position} of the zip archive has a name that points elsewhere or is no name",
            "Pack the files again, without full paths",
        )
    _refuse_nested(parts[-1])
    if info.flag_bits & 1:
        raise FileRefused("F01", "The zip archive is encrypted", "Pack it without a password")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise FileRefused(
            "F01",
            f"File {position} of the zip archive is packed in a way Rapport does not read",
            "Pack it with the common method, deflate, or with gzip",
        )
    return parts[-1]


def _refuse_nested(name: str) -> None:
    if is_archive(name) or name.lower().endswith((".7z", ".rar", ".tar", ".bz2", ".xz", ".zst")):
        raise FileRefused(
            "F01", "The archive holds another archive", "Pack the files themselves, once"
        )


class _Limit:
    """Counts what was unpacked; refuses while unpacking, before the disk is full."""

    def __init__(self, folder: Path) -> None:
        self.largest = min(LARGEST_UNPACKED, shutil.disk_usage(folder).free // 2)
        self.n_bytes = self.n_packed = 0

    def add(self, n_bytes: int, n_packed: int) -> None:
        """Count bytes that came out and all that went in so far."""
        self.n_bytes += n_bytes
        self.n_packed = n_packed
        if self.n_bytes > self.largest:
            raise FileRefused(
                "F01",
                f"The archive unpacks to more than {self.largest / 1024**3:.2g} GiB",
                "Send the files in parts",
            )
        refuse_ratio(self.n_bytes, self.n_packed)


def refuse_ratio(n_bytes: int, n_packed: int) -> None:
    """Refuse what grows like no table does."""
    if n_bytes > RATIO_COUNTS_FROM and n_bytes > HIGHEST_RATIO * max(1, n_packed):
        raise FileRefused(
            "F01",
            f"The archive unpacks to more than {HIGHEST_RATIO} times its size, as a zip bomb does",
            "Send the file unpacked",
        )


def _create(target: Path) -> BinaryIO:
    """Open a new file that its owner only can read."""
    return open(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb")


class _Unpacker(Protocol):
    """What `zlib.decompressobj` gives."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    @property
    def unconsumed_tail(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


def inflated(stream: IO[bytes], info: zipfile.ZipInfo) -> Iterator[tuple[bytes, int]]:
    """Yield a member chunk by chunk, each with the packed bytes read so far.

    Raises
    ------
    Damaged
        Name, length, check sum or end of the data differ from what the directory says.
    """
    _skip_local_header(stream, info)
    unpack = zlib.decompressobj(-15) if info.compress_type == zipfile.ZIP_DEFLATED else None
    n_left, n_bytes, check = info.compress_size, 0, 0
    for chunk, n_left in _steps(stream, unpack, info.compress_size):
        n_bytes += len(chunk)
        if n_bytes > info.file_size:
            raise Damaged
        check = zlib.crc32(chunk, check)
        yield chunk, info.compress_size - n_left
    is_ended = n_left == 0 and (unpack is None or (unpack.eof and not unpack.unused_data))
    if not is_ended or n_bytes != info.file_size or check != info.CRC:
        raise Damaged


def _steps(stream: IO[bytes], unpack: _Unpacker | None, n_left: int) -> Iterator[tuple[bytes, int]]:
    tail = b""
    while n_left or tail:
        raw = tail or stream.read(min(CHUNK, n_left))
        if not raw:
            raise Damaged
        n_left -= 0 if tail else len(raw)
        if unpack is None:
            yield raw, n_left
            continue
        is_broken = False
        try:
            chunk = unpack.decompress(raw, CHUNK)
        except zlib.error:
            is_broken = True
        if is_broken or (unpack.eof and n_left):
            raise Damaged
        tail = unpack.unconsumed_tail
        yield chunk, n_left


def _skip_local_header(stream: IO[bytes], info: zipfile.ZipInfo) -> None:
    if info.header_offset < 0:
        raise Damaged
    stream.seek(info.header_offset)
    header = stream.read(_LOCAL.size)
    if len(header) < _LOCAL.size:
        raise Damaged
    magic, _, flags, method, *_, n_name, n_extra = _LOCAL.unpack(header)
    name = stream.read(n_name).decode("utf-8" if flags & 0x800 else "cp437", "replace")
    if magic != b"PK\x03\x04" or method != info.compress_type or name != info.orig_filename:
        raise Damaged
    stream.seek(n_extra, 1)
