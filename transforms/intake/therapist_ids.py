"""What a therapist's identifier tells before it becomes a pseudonym, as SQL.

Placeholders stand for nobody or for many; spellings of one identifier stand for one person.
Names are never compared: only the identifier the clinic uses.
"""

from __future__ import annotations

from transforms.sql import texts

PLACEHOLDERS = (
    "admin",
    "administrator",
    "agency",
    "any",
    "bank",
    "crisis",
    "crisisteam",
    "default",
    "duty",
    "group",
    "locum",
    "na",
    "none",
    "pool",
    "reception",
    "sys",
    "system",
    "tba",
    "tbc",
    "tbd",
    "team",
    "temp",
    "test",
    "unallocated",
    "unassigned",
    "unknown",
    "vacant",
    "various",
    "waiting",
    "waitinglist",
)
# Said beside a placeholder: the duty therapist, the crisis team.
_BESIDE = ("clinician", "list", "officer", "person", "staff", "the", "therapist", "worker")


def is_placeholder(identifier: str) -> str:
    """Return SQL that is true where ``identifier`` is a placeholder such as TBC or Duty 2."""
    letters = f"trim(lower(regexp_replace({identifier}, '[^A-Za-z]+', ' ', 'g')))"
    words = f"string_split({letters}, ' ')"
    core = f"list_filter({words}, lambda word: word not in ({texts(_BESIDE)}))"
    return (
        f"(array_to_string({core}, '') in ({texts(PLACEHOLDERS)})"
        f" or array_to_string({words}, '') in ({texts(PLACEHOLDERS)})"
        # Group A and Duty B are as little a person as Group and Duty.
        f" or regexp_matches({letters}, '^(group|team|duty)( [a-z])?$'))"
    )


def spelling(identifier: str) -> str:
    """Return SQL for what spellings of one identifier share: T-007, t007 and T 7 are one."""
    bare = f"lower(regexp_replace({identifier}, '[^A-Za-z0-9]', '', 'g'))"
    return f"regexp_replace({bare}, '(^|[a-z])0+([0-9])', '\\1\\2', 'g')"
