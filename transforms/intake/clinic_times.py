"""A moment as the clinic's clock shows it, and the instant it was, as SQL.

A clinic's day is local: days, windows and months are counted by the clock on its wall. The instant
in UTC stands beside it where it is known, because an hour of autumn occurs twice.
"""

from __future__ import annotations

from dataclasses import replace

from transforms import sql
from transforms.cells import Reading, converted

# What stands behind a time of day: Z, +02, -0730, +02:00.
_OFFSET = r"[0-9]:[0-9]{2}(?::[0-9.,]+)? ?([Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)$"


def offset_of(clean: str) -> str:
    """Return SQL for the offset a time states; empty or NULL where it states none."""
    # 2026-05-01 10:30:00 is by far the most frequent way of writing, and has none.
    is_plain = f"length({clean}) <= 16 or (length({clean}) = 19 and substr({clean}, 17, 1) = ':')"
    return f"case when not ({is_plain}) then regexp_extract({clean}, {sql.text(_OFFSET)}, 1) end"


def wall_clock(clean: str, reading: Reading) -> str:
    """Return SQL for a time as written, without the offset it states."""
    offset = offset_of(clean)
    bare = (
        f"case when {offset} <> '' then rtrim(left({clean}, length({clean}) - length({offset}))) "
        f"else {clean} end"
    )
    formats = tuple(f.replace("%z", "").rstrip() for f in reading.timestamp_formats)
    return converted(bare, "timestamp", replace(reading, timestamp_formats=formats))


def instant(offset: str, wall: str, zone: str | None) -> str:
    """Return SQL for the moment in UTC; NULL where neither the cell nor the YAML tells the zone.

    An hour that occurs twice is taken as its first occurrence. A day without a time is no instant.
    """
    whens = f"when {offset} <> '' then {_stated(offset, wall)}"
    if zone is not None:
        later = _utc_of(wall, zone)
        earlier = f"{later} - interval 1 hour"
        whens += (
            f" when {wall} <> date_trunc('day', {wall}) then "
            f"case when {_local_of(earlier, zone)} = {wall} then {earlier} else {later} end"
        )
    return f"case {whens} end"


def local(offset: str, wall: str, zone: str | None) -> str:
    """Return SQL for the moment by the clinic's clock: as written, or in its declared zone."""
    if zone is None:
        return wall
    moved = _local_of(_stated(offset, wall), zone)
    return f"case when {offset} <> '' then {moved} else {wall} end"


def ordered(clock: str, place: str) -> str:
    """Return SQL for the moment with its place among those of the day in its microseconds.

    Only a day without a time takes it: place 3 of 5 January is 00:00:00.000301, which is no time
    of day to anybody and comes after place 2. Two decimals count.
    """
    micros = f"(1 + round({place} * 100))::bigint"
    return (
        f"case when {clock} = date_trunc('day', {clock}) and {place} between 0 and 9999 "
        f"then {clock} + to_microseconds({micros}) else {clock} end"
    )


def _stated(offset: str, wall: str) -> str:
    digits = f"rpad(replace({offset}, ':', ''), 5, '0')"
    minutes = f"(substr({digits}, 2, 2)::int * 60 + substr({digits}, 4, 2)::int)"
    sign = f"case when left({offset}, 1) = '-' then -1 else 1 end"
    return (
        f"case when lower({offset}) = 'z' then {wall} "
        f"else {wall} - to_minutes({sign} * {minutes}) end"
    )


def _utc_of(wall: str, zone: str) -> str:
    return f"timezone('UTC', timezone({sql.text(zone)}, {wall}))"


def _local_of(utc: str, zone: str) -> str:
    return f"timezone({sql.text(zone)}, timezone('UTC', {utc}))"
