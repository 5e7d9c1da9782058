"""Compare one delivery with the earlier ones of its source: what changed, where, what to do.

A change that would shift scores, or give rows already held another key, blocks the file. The
others are worth a look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from statistics import median

from transforms.contract import TABLES
from transforms.form_changes.answer_shift import Definition, shifts
from transforms.form_changes.limits import Limits
from transforms.form_changes.profile import (
    Form,
    Profile,
    Sheet,
    added,
    family,
)

ROW_RULE_CHANGES = ("fewer_rows", "more_rows", "stale_delivery", "empty_delivery")
TOO_FEW = "too_few_forms"  # no change: nobody can tell yet
# Tables a clinic adds to every day. Others may rightly come unchanged.
GROWING = ("responses", "sessions")
_DEPENDS = 8  # deliveries whose number of rows makes the median
_SAME_SOURCE = 0.8  # share of columns in common from which a new file name is the same source
Key = tuple[str, str, str]


@dataclass(frozen=True)
class Change:
    """One finding about one delivery; ``column_name`` is the source's name where there is one."""

    change: str
    table_name: str | None
    message: str
    remedy: str
    is_blocking: bool
    instrument_id: str | None = None
    column_name: str | None = None


def changes(
    new: Profile,
    earlier: Sequence[Profile],
    limits: Limits,
    known: Callable[[Key], Definition] = lambda key: Definition(),
) -> list[Change]:
    """Compare a delivery with the accepted ones before it.

    Parameters
    ----------
    earlier : profiles of the clinic's accepted deliveries, oldest first
    known : what the registry says of a form

    Returns
    -------
    list of Change
        Empty for the first delivery of a source, except for one without rows.
    """
    earlier = _since_accepted_change(earlier)
    found: list[Change] = []
    for sheet in new.sheets:
        found += _columns(sheet, [old for _, old in _of_source(new, sheet, earlier)])
        found += _empty(sheet)
    for form in new.forms:
        found += _answers(form, [profile.form(form.key) for profile in earlier], new, limits, known)
    return _once(found)


def undecided(new: Profile, earlier: Sequence[Profile], limits: Limits) -> list[Change]:
    """Say of which instruments there are too few forms so far to find wrong or changed codes."""
    found = []
    for form in new.forms:
        before = [old.form(form.key) for old in earlier]
        n_forms = form.n_forms + sum(old.n_forms for old in before if old is not None)
        if not 0 < n_forms < 2 * limits.min_forms:
            continue
        what = (
            f"fewer than {limits.min_forms}: neither wrong codes (S41) nor changed ones"
            if n_forms < limits.min_forms
            else f"fewer than {2 * limits.min_forms}: changed codes"
        )
        named = " ".join(filter(None, form.key))
        found.append(
            Change(
                TOO_FEW,
                "responses",
                f"{named}: {n_forms:,} form(s) so far, {what} can be told",
                "Compare its codes with the form by hand; every delivery is looked at again",
                False,
                instrument_id=form.instrument_id,
            )
        )
    return found


def changes_of_night(
    tonight: Sequence[Profile],
    earlier: Sequence[Profile],
    limits: Limits,
    *,
    is_only_new_name: bool = True,
) -> list[Change]:
    """Compare the rows and dates of all files one source sent in a night with its earlier nights.

    Daily exports sent together, or a file for each client, differ among themselves: it is their
    sum that is usual or not, and the newest row of any of them.

    Parameters
    ----------
    tonight : the files of one source, in the order they were read
    earlier : accepted deliveries of earlier nights, oldest first
    is_only_new_name : whether no other file of the night has a name of a new kind; of several,
        none is the one earlier file of another name
    """
    earlier = _since_accepted_change(earlier)
    found: list[Change] = []
    kinds = {sheet.kind: (one, sheet) for one in tonight for sheet in one.sheets}
    for kind, (last, sheet) in kinds.items():
        before = _of_source(last, sheet, earlier)
        if any(old.family != last.family for old, _ in before) and not (
            is_only_new_name and _is_one_file_a_night(before)
        ):
            continue
        came = [own for one in tonight for own in one.sheets if own.kind == kind]
        found += _rows(came, before, limits)
        found += _dates(tonight, came, before)
    return _once(found)


def _is_one_file_a_night(before: Sequence[tuple[Profile, Sheet]]) -> bool:
    nights = [(profile.received_at, old.kind) for profile, old in before]
    return len(nights) == len({*nights})


def has_reference(new: Profile, earlier: Sequence[Profile]) -> bool:
    """Whether anything earlier is there to compare a delivery with."""
    earlier = _since_accepted_change(earlier)
    keys = {form.key for profile in earlier for form in profile.forms}
    return any(_of_source(new, sheet, earlier) for sheet in new.sheets) or any(
        form.key in keys for form in new.forms
    )


def _once(found: list[Change]) -> list[Change]:
    """Return what several feeds of one sheet find alike once, as blocking if any says so."""
    kept: dict[tuple[str, str | None, str | None, str], Change] = {}
    for one in sorted(found, key=lambda change: not change.is_blocking):
        kept.setdefault((one.change, one.instrument_id, one.column_name, one.message), one)
    return list(kept.values())


def _since_accepted_change(earlier: Sequence[Profile]) -> list[Profile]:
    """Return the deliveries from the last accepted change on, per source of that delivery."""
    kept: list[Profile] = []
    for profile in earlier:
        if profile.is_new_reference:
            kept = [old for old in kept if old.family != profile.family]
        kept.append(profile)
    return kept


def _of_source(
    new: Profile, sheet: Sheet, earlier: Sequence[Profile]
) -> list[tuple[Profile, Sheet]]:
    """Return earlier deliveries of a sheet with the file each is of, oldest first."""
    same = [
        (profile, old)
        for profile in earlier
        for old in profile.sheets
        if (old.table, old.sheet, old.part) == (sheet.table, sheet.sheet, sheet.part)
    ]
    here = new.family, sheet.place
    own = [pair for pair in same if (pair[0].family, pair[1].place) == here]
    if own or not same:
        return own
    # The file, or its place in an archive, has a name of a new kind: the source with about the
    # same columns, if any.
    return [pair for pair in same if _overlap(pair[1], sheet) >= _SAME_SOURCE]


def _overlap(one: Sheet, other: Sheet) -> float:
    both = {*one.columns, *other.columns}
    return len({*one.columns} & {*other.columns}) / len(both) if both else 0.0


def _columns(sheet: Sheet, before: list[Sheet]) -> Iterator[Change]:
    if not before:
        return
    old = before[-1]
    # A column the clinic's YAML reads under another name than before was looked at.
    seen = {raw for name in {*old.wired} & {*sheet.wired} for raw in old.wired[name]}
    read = {raw for name in {*old.wired} & {*sheet.wired} for raw in sheet.wired[name]}
    gone = [raw for raw in old.columns if raw not in sheet.columns and raw not in seen]
    new = [raw for raw in sheet.columns if raw not in old.columns and raw not in read]
    renamed = _renamed(old.columns, sheet.columns, gone, new)
    for raw in gone:
        blocks = any(
            raw in columns and _shifts_scores(name, old, sheet)
            for name, columns in old.wired.items()
        )
        yield _gone(sheet.table, raw, renamed.get(raw), is_blocking=blocks)
    for raw in new:
        if raw not in renamed.values():
            yield Change(
                "added_column",
                sheet.table,
                f"column {raw} is new",
                "Map it in the clinic's YAML if it is wanted; else nothing",
                False,
                column_name=raw,
            )


def _gone(table: str, raw: str, now: str | None, *, is_blocking: bool) -> Change:
    if now:
        message, remedy = f"column {raw} is now called {now}", f"Map {now} in the clinic's YAML"
        remedy += ", or ask the clinic for the earlier name"
        return Change("renamed_column", table, message, remedy, is_blocking, column_name=raw)
    remedy = "Ask the clinic for the column; if it went for good, name the file under "
    remedy += "`accept_form_change` in the clinic's YAML"
    return Change(
        "missing_column", table, f"column {raw} is gone", remedy, is_blocking, column_name=raw
    )


def lost(
    source_file: str, missing: Mapping[str, str | None], earlier: Sequence[Profile]
) -> Iterator[Change]:
    """Say which columns of earlier deliveries a file lacks that cannot be read without them.

    Parameters
    ----------
    missing : columns the reader asked for, each with the one that resembles it or None
    earlier : profiles of the clinic's accepted deliveries, oldest first
    """
    same = [profile for profile in earlier if profile.family == family(source_file)]
    for name, now in missing.items():
        held = [
            (sheet.table, raw)
            for sheet in (same[-1].sheets if same else ())
            for raw in sheet.columns
            if raw.lower() == name.lower()
        ]
        if held:
            table, raw = held[0]
            yield _gone(table, raw, now, is_blocking=True)


def _renamed(
    before: Sequence[str], now: Sequence[str], gone: Sequence[str], new: Sequence[str]
) -> dict[str, str]:
    """Pair columns that went with columns that came in the same place."""
    pairs: dict[str, str] = {}
    matcher = SequenceMatcher(None, before, now, autojunk=False)
    for tag, start, end, new_start, new_end in matcher.get_opcodes():
        if tag == "replace" and end - start == new_end - new_start:
            placed = zip(before[start:end], now[new_start:new_end], strict=True)
            pairs |= {old: other for old, other in placed if old in gone and other in new}
    return pairs


def _shifts_scores(name: str, old: Sheet, sheet: Sheet) -> bool:
    """Whether losing a canonical column changes a score, or the key of rows already held.

    Without all items nothing is computed; without some the others are prorated.
    """
    if name.startswith("item_"):
        return any(other.startswith("item_") for other in sheet.wired)
    table = TABLES[sheet.table]
    own_id = {column.name for column in table.columns if column.lake_name == table.key}
    if name in own_id or name == "version":
        return True
    return name in table.key_parts and not own_id & {*old.wired}


def _empty(sheet: Sheet) -> Iterator[Change]:
    if sheet.n_rows == 0:
        yield Change(
            "empty_delivery",
            sheet.table,
            "the file holds a header and no rows",
            "Ask whether nothing happened or the export failed; an empty snapshot is never loaded"
            if sheet.is_snapshot
            else "Ask whether nothing happened or the export failed",
            sheet.is_snapshot,
        )


def _rows(
    came: Sequence[Sheet], before: Sequence[tuple[Profile, Sheet]], limits: Limits
) -> Iterator[Change]:
    # Each snapshot holds everything: the last of a night is the night's.
    counted = came[-1:] if came[-1].is_snapshot else came
    n_rows = sum(sheet.n_rows for sheet in counted)
    nights = _rows_by_night(before)
    if n_rows == 0 or len(nights) < limits.row_deliveries:
        return
    usual = median(nights[-_DEPENDS:])
    if usual < limits.min_rows or abs(n_rows - usual) <= limits.row_band * usual:
        return
    fewer = n_rows < usual
    together = f" in {len(counted):,} files" if len(counted) > 1 else ""
    yield Change(
        "fewer_rows" if fewer else "more_rows",
        came[-1].table,
        f"{n_rows:,} rows{together} where {usual:,.0f} were usual",
        "Check that the export finished and its filter is unchanged"
        if fewer
        else "Check that the export's period and filter are unchanged",
        False,
    )


def _rows_by_night(before: Sequence[tuple[Profile, Sheet]]) -> list[int]:
    """Return how many rows each earlier night brought, oldest first."""
    nights: dict[str, int] = {}
    for profile, sheet in before:
        so_far = 0 if sheet.is_snapshot else nights.get(profile.received_at, 0)
        nights[profile.received_at] = sheet.n_rows_of_night or so_far + sheet.n_rows
    return list(nights.values())


def _dates(
    tonight: Sequence[Profile], came: Sequence[Sheet], before: Sequence[tuple[Profile, Sheet]]
) -> Iterator[Change]:
    newest = max((sheet.last_at for sheet in came if sheet.last_at), default=None)
    if came[-1].table not in GROWING or not before or not newest:
        return
    dates = [old.last_at for _, old in before if old.last_at]
    if not dates or newest > max(dates):
        return
    last, old = before[-1]
    is_one = len(came) == 1 and _content(came[0]) == _content(old)
    same = is_one and tonight[-1].forms == last.forms
    yield Change(
        "stale_delivery",
        came[-1].table,
        "the same rows as in the last delivery"
        if same
        else "nothing in it is newer than what an earlier delivery held",
        "Check that the export runs and its period moves on; nothing to do for corrections",
        False,
    )


def _content(sheet: Sheet) -> tuple[object, ...]:
    return (sheet.columns, sheet.n_rows, sheet.first_at, sheet.last_at)


def _answers(
    form: Form,
    earlier: Sequence[Form | None],
    new: Profile,
    limits: Limits,
    known: Callable[[Key], Definition],
) -> Iterator[Change]:
    """Judge a form; a small delivery together with those before it."""
    held = [old for old in earlier if old is not None]
    recent = [form]
    while held and sum(one.n_forms for one in recent) < limits.min_forms:
        recent.append(held.pop())
    reference: list[Form] = []
    while held and sum(one.n_forms for one in reference) < limits.reference_forms:
        reference.append(held.pop())
    if not reference:
        return
    for shift in shifts(added(reference), added(recent), known(form.key), limits):
        together = f" (in the last {len(recent)} deliveries)" if len(recent) > 1 else ""
        yield Change(
            shift.change,
            "responses",
            f"{form.instrument_id}: {shift.what}{together}",
            shift.remedy,
            True,
            instrument_id=form.instrument_id,
            column_name=_source_columns(shift.items, new),
        )


def _source_columns(items: Sequence[int], new: Profile) -> str | None:
    """Return the source's names of items; the canonical ones where a file has several forms."""
    wired = [sheet.wired for sheet in new.sheets if sheet.table == "responses"]
    only = wired[0] if len(wired) == 1 else {}
    names = [name for item in items for name in only.get(f"item_{item}", (f"item_{item}",))]
    return ", ".join(names) or None
