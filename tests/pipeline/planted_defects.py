"""One defect for every rule that looks at delivered files and rows, in a demo clinic's export.

Each function is named after its rule and changes an `Export` in place. Those in NIGHT_BEFORE say
what the clinic had delivered a night earlier. UNAVOIDABLE has the rules that must fail too.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime, timedelta

from tests.pipeline.demo_export import ITEMS, MOMENT, Export, move_form, moved

_OF_REJECTED = "the whole file is rejected, and what refers to its rows goes with it"
# Rules that fail too, and why no planting could spare them.
UNAVOIDABLE = {
    "C01": dict.fromkeys(("E13", "N01", "S02"), _OF_REJECTED),
    "T01": dict.fromkeys(("E13", "N01", "S02"), _OF_REJECTED),
    "N01": {"S02": _OF_REJECTED},
    "S06": {"S41": "the same coding, seen over all files"},
    "N06": {"S02": _OF_REJECTED},
    "F12": {"S03": "an item under another name is an item that is missing"},
}


def f01(export: Export) -> None:
    del export.rows["therapists"]
    export.extra["therapists.csv"] = ""


def f02(export: Export) -> None:
    for row in export.rows["clients"]:
        row["person"] = row.pop("client_id")


def f04(export: Export) -> None:
    export.names["clients"] = "clients_2.csv"
    export.extra["manifest.csv"] = (
        "file,rows,from,to\nclients_1.csv,,2026-09-01,2026-09-30\n"
        "clients_2.csv,,2026-10-02,2026-10-31\n"
    )
    header = list(export.rows["clients"][0])
    earlier = ["HC999990", *[""] * (len(header) - 1)]
    export.extra["clients_1.csv"] = f"{','.join(header)}\n{','.join(earlier)}\n"


def f05(export: Export) -> None:
    n_rows = len(export.rows["responses"]) + 1
    export.extra["manifest.csv"] = f"file,rows,from,to\nresponses.csv,{n_rows},,\n"


def f06(export: Export) -> None:
    for row in export.rows["responses"][::20]:
        row["mode"] = "web for anna@example.org"


def f07(export: Export) -> None:
    export.rows["responses"][0]["mode"] = "=1+1"


def f14(export: Export) -> None:
    note = "she told the receptionist that her brother moved out again"
    export.rows["responses"][0]["mode"] = note


def f08(export: Export) -> None:
    for row in export.rows["responses"]:
        row |= {"completed_at": f"{row['completed_at'][:10]} 00:00:00", "started_at": ""}


def f09(export: Export) -> None:
    export.forms("phq9")[0]["rater"] = ""


def f10(export: Export) -> None:
    export.forms("phq9")[0]["started_at"] = "soon"


def f11(export: Export) -> None:
    export.attended()[0]["homework_percent"] = "101"


def s01(export: Export) -> None:
    forms = export.rows["responses"]
    for row in forms[1 : 3 + len(forms) // 50]:
        row["response_id"] = forms[0]["response_id"]


def s02(export: Export) -> None:
    export.forms("phq9")[0]["client_id"] = "HC999999"


def s03(export: Export) -> None:
    for row in export.forms("gad7"):
        row["instrument"] = "gad99"


def s04(export: Export) -> None:
    export.forms("phq9")[0]["item_1"] = "5"


def s05(export: Export) -> None:
    export.forms("phq9")[0]["item_1"] = "1.5"


def s06(export: Export) -> None:
    """Therapists' forms with seven points, answered on five."""
    for row in export.forms("wai_s"):
        for item in ITEMS:
            row[item] = row[item] and str(min(int(row[item]), 5))


def s07(export: Export) -> None:
    export.forms("phq9")[0]["item_1"] = "99"


def s08(export: Export) -> None:
    employed = {r["client_id"] for r in export.rows["clients"] if r["employment"] == "employed"}
    for row in export.forms("gad7"):
        if row["client_id"] in employed:
            row |= {"instrument": "wsas"} | dict.fromkeys(ITEMS, "")
            row |= dict.fromkeys(ITEMS[1:5], "4")


def s09(export: Export) -> None:
    export.add_column("responses", "submitted_total")
    forms = [row for row in export.forms("phq9") if all(row[item] for item in ITEMS[:9])]
    for number, row in enumerate(forms):
        total = sum(int(row[item]) for item in ITEMS[:9])
        row["submitted_total"] = str(total + (number % 20 == 0))


def s12(export: Export) -> None:
    for row in export.forms("phq9", "gad7", "wai_sr")[::5]:
        row |= dict.fromkeys(ITEMS[:6], "")


def s13(export: Export) -> None:
    """Nothing in the export: the defect is in the scoring (see the test)."""


def s14(export: Export) -> None:
    for row in export.forms("wai_s")[::10]:
        row |= dict.fromkeys(ITEMS, "4")


def s15(export: Export) -> None:
    for row in export.rows["responses"][::10]:
        row["started_at"] = moved(row["completed_at"], seconds=-5)


def s16(export: Export) -> None:
    for row in export.rows["responses"][::10]:
        row["started_at"] = moved(row["completed_at"], hours=-25)


def s17(export: Export) -> None:
    form = export.forms("phq9")[0]
    export.rows["responses"].append(
        form
        | {"response_id": "HR9", "item_1": "0", "item_2": "3", "started_at": ""}
        | {"completed_at": moved(form["completed_at"], seconds=60)}
    )


def s18(export: Export) -> None:
    """Whole forms saved a second time, under a client who is in treatment just then."""
    open_then = [
        (row["client_id"], row["start_date"], row["end_date"] or "2026-10-31")
        for row in export.rows["episodes"]
    ]
    n_copies = 0
    for form in export.forms("phq9"):
        day = form["completed_at"][:10]
        own = {r["client_id"] for r in export.rows["responses"] if r["completed_at"][:10] == day}
        others = [c for c, low, high in open_then if c not in own and low <= day <= high]
        if others and len({form[item] for item in ITEMS[:9]}) > 1 and n_copies < 10:
            n_copies += 1
            copied = {"response_id": f"HR9{n_copies}", "client_id": others[0]}
            export.rows["responses"].append(form | copied | {"session_id": "", "episode_id": ""})


def s19(export: Export) -> None:
    form = export.forms("phq9")[0]
    form |= {"started_at": "", "completed_at": "2030-01-01 10:00:00"}


def s20(export: Export) -> None:
    form = export.forms("phq9")[0]
    form["started_at"] = moved(form["completed_at"], seconds=1)


def s21(export: Export) -> None:
    for row in export.forms("gad7"):
        move_form(row, days=-800)


def s22(export: Export) -> None:
    for row in export.forms("wai_sr"):
        move_form(row, days=3)


def s23(export: Export) -> None:
    export.forms("phq9")[0]["rater"] = "observer"


def s24(export: Export) -> None:
    for row in export.forms("wai_s"):
        row["therapist_id"] = "HT0001" if row["therapist_id"] != "HT0001" else "HT0002"


def s25(export: Export) -> None:
    first = {}
    for session in export.attended():
        known = first.get(session["client_id"], "9999")
        first[session["client_id"]] = min(known, session["session_at"])
    forms = [
        row
        for row in export.forms("wai_sr")
        if row["completed_at"][:10] == first[row["client_id"]][:10]
    ]
    for row in forms[: 1 + len(export.forms("wai_sr", "wai_s")) // 50]:
        move_form(row, days=-1)


def s26(export: Export) -> None:
    for number, row in enumerate(export.rows["responses"]):
        row["language"] = ("en", "es", "")[number % 3]


def s28(export: Export) -> None:
    """Every other form of a client has the lowest, every other the highest answers."""
    seen: dict[str, int] = defaultdict(int)
    for row in sorted(export.forms("phq9"), key=lambda row: row["completed_at"]):
        seen[row["client_id"]] += 1
        row |= dict.fromkeys(ITEMS[:9], "03"[seen[row["client_id"]] % 2])


def s29(export: Export) -> None:
    for number, row in enumerate(export.rows["responses"]):
        row["mode"] = ("paper", "web", "read_aloud")[number % 3]


def s31(export: Export) -> None:
    """One therapist's forms of a week are typed in on Wednesday at seven."""
    weeks: dict[str, int] = defaultdict(int)
    for row in export.forms("phq9", "gad7"):
        at = datetime.strptime(row["completed_at"], MOMENT)
        wednesday = (at + timedelta(days=2 - at.weekday())).strftime("%Y-%m-%d")
        weeks[wednesday] += 1
        second = weeks[wednesday] % 60
        row |= {"therapist_id": "HT0001", "started_at": ""}
        row["completed_at"] = f"{wednesday} 07:00:{second:02}"


def s32(export: Export) -> None:
    for column in ("submitted_occurrence", "submitted_intensity"):
        export.add_column("responses", column)
    row = export.forms("wai_sr")[0]
    row |= {"instrument": "psq"} | dict.fromkeys(ITEMS, "")
    row |= {"submitted_occurrence": "0", "submitted_intensity": "4"}


def n01(export: Export) -> None:
    for row in export.rows["sessions"][::3]:
        row["episode_id"] = "HE999999"


def n02(export: Export) -> None:
    export.missed()[0]["attendance"] = "maybe"


def n03(export: Export) -> None:
    for row in export.attended()[::20]:
        row["duration_min"] = "4"


def n04(export: Export) -> None:
    session = export.missed()[0]
    session["session_at"] = moved(session["session_at"], days=-900)


def n05(export: Export) -> None:
    export.add_column("sessions", "session_number")
    for row in export.attended():
        row["session_number"] = "99"


def n06(export: Export) -> None:
    _stranger(export, start_date="2026-10-01", end_date="", discharge_reason="")
    for number in range(1, 10):
        export.add(
            "sessions",
            session_id=f"HX{number}",
            episode_id="HX1",
            client_id="HX1",
            therapist_id="HT0001",
            session_at=f"2030-01-0{number} 10:00:00",
            attendance="attended",
        )


def n07(export: Export) -> None:
    export.missed()[0]["session_type"] = "coffee"


def n08(export: Export) -> None:
    export.add_column("sessions", "group_id")
    for number, row in enumerate(export.attended()[::20]):
        row |= {"session_type": "group", "group_id": f"G{number}"}


def n09(export: Export) -> None:
    for number, row in enumerate(export.attended()):
        if number % 4 == 0:
            row["session_at"] = f"{row['session_at'][:10]} {number % 6:02}:00:00"


def n10(export: Export) -> None:
    for row in export.attended():
        row |= {"homework_set": "false", "homework_percent": "50"}


def n11(export: Export) -> None:
    for row in export.rows["therapists"]:
        row["valid_from"] = "2026-01-01"


def n12(export: Export) -> None:
    for number, row in enumerate(export.attended()[::20]):
        again = {"session_id": f"HS9{number}", "session_at": f"{row['session_at'][:10]} 20:30:00"}
        export.rows["sessions"].append(row | again)


def t02(export: Export) -> None:
    export.add("therapists", therapist_id="ht-0001", valid_from="2015-01-01")
    for row in export.missed():
        row["therapist_id"] = "ht-0001"


def t03(export: Export) -> None:
    export.add("therapists", therapist_id="TBC", valid_from="2015-01-01")
    for row in export.missed():
        row["therapist_id"] = "TBC"


def _stranger(export: Export, **episode: str) -> None:
    """Add a client who was referred and never came, with one episode."""
    export.add("clients", client_id="HX1", gender="female")
    values = {"episode_id": "HX1", "client_id": "HX1", "therapist_id": "HT0001"}
    dates = {"referral_date": "2026-03-01", "start_date": "2026-04-01", "end_date": "2026-05-01"}
    reason = {"discharge_reason": "dropout", "problem": "depression"}
    export.add("episodes", **values | dates | reason | episode)


def e01(export: Export) -> None:
    _stranger(export, end_date="2026-03-31")


def e02(export: Export) -> None:
    for number, row in enumerate(export.rows["episodes"][::10]):
        again = {"episode_id": f"HX{number}", "discharge_reason": "dropout"}
        ended = {"end_date": row["end_date"] or "2026-10-31"}
        export.rows["episodes"].append(row | again | ended)


def e03(export: Export) -> None:
    for row in export.rows["episodes"][::3]:
        row["discharge_reason"] = row["end_date"] and "unknown"


def e04(export: Export) -> None:
    _stranger(export, discharge_reason="completed")


def e05(export: Export) -> None:
    several = Counter(row["client_id"] for row in export.rows["episodes"])
    for row in export.rows["episodes"][::3]:
        if several[row["client_id"]] == 1:
            row |= {"end_date": "", "discharge_reason": ""}


def e06(export: Export) -> None:
    _stranger(export, referral_date="2026-04-02")


def e07(export: Export) -> None:
    export.rows["clients"][0]["birth_date"] = "1890-01-01"


def e08(export: Export) -> None:
    for row in export.rows["episodes"][::10]:
        row["modality"] = "reiki"


def e13(export: Export) -> None:
    _stranger(export, client_id="HC999999")


def c10(export: Export) -> None:
    """One client's forms come from a system that writes its identifier in small letters."""
    client = export.rows["clients"][0]["client_id"]
    for row in export.rows["responses"]:
        if row["client_id"] == client:
            row |= {"client_id": client.lower(), "session_id": "", "episode_id": ""}


def c11(export: Export) -> None:
    export.rows["responses"][0]["client_id"] = "Anonymous"


def s41(export: Export) -> None:
    """Nobody ever answered 0: the codes begin at 1, and the top one was never chosen."""
    for row in export.rows["responses"]:
        if row["instrument"] == "gad7":
            row |= {item: "1" for item in ITEMS if row[item] == "0"}


def e20(export: Export) -> None:
    _stranger(export, end_date="2999-12-31")


def c01(export: Export) -> None:
    _stranger(export)
    for gender in ("male", "nonbinary"):
        export.add("clients", client_id="HX1", gender=gender)


def t01(export: Export) -> None:
    for profession in ("nurse", "psychologist"):
        export.add("therapists", therapist_id="HX1", valid_from="2020-01-01", profession=profession)


def t04(export: Export) -> None:
    for first, last in (("2020-01-01", "2022-12-31"), ("2022-12-01", "")):
        export.add("therapists", therapist_id="HX1", valid_from=first, valid_to=last)


def f03(export: Export) -> None:
    """The same sessions again, in another order: nothing newer than a night ago."""
    export.names["sessions"] = "sessions_2.csv"
    export.rows = {"sessions": export.rows["sessions"][::-1]}


def f12(export: Export) -> None:
    export.names["responses"] = "responses_2.csv"
    newer = _by_time(export)[len(export.rows["responses"]) // 2 :]
    export.rows = {
        "responses": [
            {("sleep" if column == "item_4" else column): cell for column, cell in row.items()}
            for row in newer
        ]
    }


def f13(export: Export) -> None:
    export.names["clients"] = "clients_2.csv"
    export.add_column("clients", "shoe_size", "38")
    export.rows = {"clients": export.rows["clients"]}


def half_of_the_forms(export: Export) -> None:
    export.rows["responses"] = _by_time(export)[: len(export.rows["responses"]) // 2]


def _by_time(export: Export) -> list[dict[str, str]]:
    forms = export.rows["responses"]
    return sorted(forms, key=lambda row: (row["completed_at"], row["response_id"]))


def as_it_is(export: Export) -> None:
    """Nothing is planted."""


NIGHT_BEFORE = {"F03": as_it_is, "F12": half_of_the_forms, "F13": as_it_is}
PLANTED = {
    name.upper(): function
    for name, function in list(globals().items())
    if len(name) == 3 and name[0] in "fsnetc" and name[1:].isdigit()
}
