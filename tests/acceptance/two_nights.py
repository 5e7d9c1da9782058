"""What clinics send on two nights of one home: bad files, a correction, rows fixed and resubmitted.

Each clinic is a story of its own, with clients of its own, told by a test file; the nights are run
once for all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.home import Home
from tests.acceptance.bad_exports import bad_exports

_ITEMS = ",".join(f"item_{n}" for n in range(1, 10))
_RESPONSES = f"response_id,client_id,instrument,rater,completed_at,session_id,{_ITEMS}"
_SESSIONS = "session_id,client_id,therapist_id,session_at,attendance,modality"
_GOOD = "0,1,0,1,0,1,0,1,0"
RESUBMITTED = (
    {
        # s2 has an unknown attendance: it is held back, and r2, which names it, with it.
        "sessions_1.csv": [
            _SESSIONS,
            "s1,q1,t1,2026-01-05 09:00,attended,cbt",
            "s2,q1,t1,2026-01-12 09:00,perhaps,cbt",
        ],
        "responses_1.csv": [
            _RESPONSES,
            f"r1,q1,phq9,client,2026-01-05 08:30,s1,{_GOOD}",
            f"r2,q1,phq9,client,2026-01-12 08:30,s2,{_GOOD}",
            "r3,q1,phq9,client,2026-01-13 08:30,,7,1,0,1,0,1,0,1,0",
            "r4,q1,phq9,client,2026-01-14 08:30,,0,1,0,1,0,1,0,1,5",
        ],
        # Two of three rows hold a mail address: the whole file is rejected.
        "sessions_2.csv": [
            _SESSIONS,
            "s5,q2,t1,2026-01-05 11:00,attended,cbt",
            "s6,q2,t1,2026-01-12 11:00,attended,mail a.person@example.org",
            "s7,q2,t1,2026-01-19 11:00,attended,mail a.person@example.org",
        ],
    },
    {
        # s2 and r3 are corrected, r2 comes again, r4 is still broken.
        "sessions_3.csv": [_SESSIONS, "s2,q1,t1,2026-01-12 09:00,attended,cbt"],
        "responses_2.csv": [
            _RESPONSES,
            f"r2,q1,phq9,client,2026-01-12 08:30,s2,{_GOOD}",
            f"r3,q1,phq9,client,2026-01-13 08:30,,{_GOOD}",
            "r4,q1,phq9,client,2026-01-14 08:30,,0,1,0,1,0,1,0,1,5",
        ],
        "sessions_4.csv": [
            _SESSIONS,
            "s5,q2,t1,2026-01-05 11:00,attended,cbt",
            "s6,q2,t1,2026-01-12 11:00,attended,cbt",
            "s7,q2,t1,2026-01-19 11:00,attended,cbt",
        ],
    },
)
_HEADER = "response_id,client_id,instrument,rater,completed_at," + ",".join(
    f"item_{n}" for n in range(1, 10)
)
_FIRST = [
    "r1,k1,phq9,client,2026-01-05 10:00,1,1,1,1,1,1,1,1,1",
    "r2,k1,phq9,client,2026-01-12 10:00,0,1,0,1,0,1,0,1,0",
]
# r1 as before, r2 corrected, r3 new and without an answer but with the clinic's own total.
_SECOND = [_FIRST[0], "r2,k1,phq9,client,2026-01-12 10:00,3,3,3,3,3,3,3,3,3"]
_SUBMITTED = [f"{_HEADER},submitted_total", f"r3,k1,phq9,client,2026-01-19 10:00,{9 * ','}7"]
CORRECTED = (
    {"responses_1.csv": [_HEADER, *_FIRST]},
    {"responses_2.csv": [_HEADER, *_SECOND], "responses_3.csv": _SUBMITTED},
)


@dataclass(frozen=True)
class TwoNights:
    """The home after both nights, the first one's run, and the reports as the second left them."""

    place: Home
    first: str
    pages: Path


def deliver_night(place: Home, number: int) -> None:
    """Land what comes on night 0 or 1."""
    files = bad_exports() if number == 0 else {}
    for clinic, nights in (("clinic", RESUBMITTED), ("corrected", CORRECTED)):
        for name, lines in nights[number].items():
            files[f"{clinic}/{name}"] = ("\n".join(lines) + "\n").encode()
    for name, content in files.items():
        path = place.landing / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
