"""What an identifier says once nobody can see a difference any more, as SQL.

Two cells that look alike are one identifier. What differs visibly (capitals, leading zeros, a
trailing .0) stays two, for a rule to find; what stands for nobody is no client.
"""

from __future__ import annotations

from transforms.sql import text, texts

# How systems write an empty cell.
NOTHING = ("#n/a", "#null!", "n/a", "na", "nan", "none", "null", "nil", "-", "--", ".", "?")
# People nobody is.
NOBODY = ("anon", "anonym", "anonymous", "client", "dummy", "test", "testclient", "unknown")
# Zero-width characters, direction marks, soft hyphen, byte order mark.
_INVISIBLE = r"[\x{200B}-\x{200F}\x{202A}-\x{202E}\x{2060}-\x{2064}\x{FEFF}\x{00AD}]"
_BLANKS = r"[\s\x{00A0}\x{1680}\x{2000}-\x{200A}\x{202F}\x{205F}\x{3000}]+"


def visible(identifier: str) -> str:
    """Return SQL for the identifier in one Unicode form, with single blanks and nothing invisible.

    Plain ASCII without double blanks, which is nearly every identifier, is passed as it stands.
    """
    bare = f"regexp_replace(nfc_normalize({identifier}), {text(_INVISIBLE)}, '', 'g')"
    single = f"nullif(trim(regexp_replace({bare}, {text(_BLANKS)}, ' ', 'g')), '')"
    is_plain = f"strlen({identifier}) = length({identifier}) and not contains({identifier}, '  ')"
    return f"case when {is_plain} then {identifier} else {single} end"


def is_nothing(identifier: str) -> str:
    """Return SQL that is true where the identifier is another way of writing nothing."""
    return f"lower({identifier}) in ({texts(NOTHING)})"


def is_nobody(identifier: str) -> str:
    """Return SQL that is true where a client's identifier stands for no person."""
    letters = f"translate(lower({identifier}), ' _-', '')"
    return f"({is_nothing(identifier)} or {letters} in ({texts(NOBODY)}))"


def spelling(identifier: str) -> str:
    """Return SQL for what spellings of one client share: 0042, 42, 42.0 and 4.2E+1 are one.

    Punctuation counts: 1-2 and 12 are two clients.
    """
    number = f"try_cast({identifier} as decimal(38, 6))"
    is_number = f"regexp_matches({identifier}, '^[0-9]+([.][0-9]+)?([eE][+]?[0-9]+)?$')"
    is_whole = f"{is_number} and {number} = floor({number})"
    whole = f"({number}::hugeint)::varchar"
    whole_part = f"regexp_replace(lower({identifier}), '[.]0+$', '')"
    words = f"regexp_replace({whole_part}, '(^|[^0-9])0+([0-9])', '\\1\\2', 'g')"
    return f"case when {is_whole} then {whole} else {words} end"
