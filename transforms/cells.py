"""SQL for one cell: from the text a clinic wrote to a typed value, without guessing.

Text that cannot be converted becomes NULL and its column is named in `bad_cells`; the text
itself goes nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from transforms import sql

# Blank, tab, line ends, no-break space. Three times slower to trim than blanks alone.
_ODD_SPACES = ", ' ' || chr(9) || chr(10) || chr(13) || chr(160)"
EARLIEST = "1800-01-01"
_TRUE = ("1", "yes", "y", "true", "t")
_FALSE = ("0", "no", "n", "false", "f")


@dataclass(frozen=True)
class Reading:
    """How a feed's values are written."""

    missing_codes: tuple[str, ...] = ()
    date_formats: tuple[str, ...] = ()
    timestamp_formats: tuple[str, ...] = ()
    decimal_comma: bool = False
    # In a workbook real dates arrive as ISO whatever format its text dates have.
    has_real_dates: bool = False
    has_odd_spaces: bool = True
    has_blanks: bool = True
    # Answers are choice texts: capitals and white space do not tell two of them apart.
    has_texts: bool = False
    values: dict[str, dict[str, str]] = field(default_factory=dict)


def cleaned(raw: str, reading: Reading) -> str:
    """Return SQL for trimmed text; empty text and missing codes are NULL."""
    trimmed = raw
    if reading.has_blanks:
        trimmed = f"nullif(trim({raw}{_ODD_SPACES if reading.has_odd_spaces else ''}), '')"
    if not reading.missing_codes:
        return trimmed
    codes = sql.texts(reading.missing_codes)
    return f"case when {trimmed} not in ({codes}) then {trimmed} end"


def folded(text: str) -> str:
    """Return a choice text without what two spellings of it may differ in.

    Examples
    --------
    >>> folded("Not at  ALL ")
    'not at all'
    """
    return " ".join(text.lower().split())


def translated(clean: str, codes: dict[str, str], reading: Reading) -> str:
    """Return SQL that replaces codes by words; an unknown code stays for a rule to find."""
    if not codes:
        return clean
    key = clean
    if reading.has_texts:  # readers of such texts leave single blanks only
        codes = {folded(code): word for code, word in codes.items()}
        key = f"lower({clean})"
    whens = " ".join(f"when {sql.text(code)} then {sql.text(word)}" for code, word in codes.items())
    return f"case {key} {whens} else {clean} end"


def converted(clean: str, kind: str, reading: Reading) -> str:
    """Return SQL for the typed value of cleaned text; NULL where it does not fit.

    Examples
    --------
    >>> converted("answer", "text", Reading())
    'answer'
    """
    if kind in ("text", "id"):
        return clean
    if kind in ("number", "integer"):
        return _number(clean, kind, reading)
    if kind == "boolean":
        return (
            f"case when lower({clean}) in ({sql.texts(_TRUE)}) then true "
            f"when lower({clean}) in ({sql.texts(_FALSE)}) then false end"
        )
    if kind == "date":
        return _moment(clean, "date", reading.date_formats, reading)
    if kind == "timestamp":
        formats = reading.timestamp_formats + reading.date_formats
        return _moment(clean, "timestamp", formats, reading)
    raise ValueError(f"no conversion for {kind}")


def _number(clean: str, kind: str, reading: Reading) -> str:
    digits = clean
    if reading.decimal_comma:
        digits = f"replace({clean}, ',', '.')"
        # 1.234 is a thousand or one and a bit; typed numbers of a workbook have a point.
        if not reading.has_real_dates:
            digits = f"case when not contains({clean}, '.') then {digits} end"
    value = f"try_cast({digits} as double)"
    # DuckDB also reads nan and infinity, which are not answers.
    if kind == "number":
        return f"case when isfinite({value}) then {value} end"
    return f"case when isfinite({value}) and {value} = floor({value}) then {value}::bigint end"


def _moment(clean: str, kind: str, formats: tuple[str, ...], reading: Reading) -> str:
    iso = f"try_cast({clean} as {kind})"
    value = iso
    if formats:
        value = f"try_strptime({clean}, [{sql.texts(formats)}])::{kind}"
        if reading.has_real_dates:
            value = f"coalesce({value}, {iso})"
    # 05-04-26 would be a day of the year 5.
    return f"case when isfinite({value}) and {value} >= date '{EARLIEST}' then {value} end"


def bad_cells(tests: dict[str, str]) -> str:
    """Return SQL for the list of columns whose test holds; NULL when none does.

    The list is built only where one test holds, which is rare: building it for every row
    would cost more than all conversions together.
    """
    if not tests:
        return "null::varchar[]"
    named = ", ".join(
        f"case when {test} then {sql.text(column)} end" for column, test in tests.items()
    )
    return (
        f"case when {' or '.join(tests.values())} "
        f"then list_filter([{named}], lambda cell: cell is not null) end"
    )
