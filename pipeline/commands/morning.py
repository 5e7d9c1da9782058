"""`rapport morning`: whom a clinician should look at today, at most as many as can be acted on.

Reads the published alerts and the log of answers, so that what was answered today is gone from the
list before the next build. Names clients by the clinic's own identifiers: each list is noted in the
audit chain before it is shown, and its page lies in the vault.
"""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path

import duckdb
from rich.console import Console

from pipeline.home import Home
from pipeline.storage.configuration import read_clinic
from pipeline.storage.duckdb_session import duck, open_published, quoted
from pipeline.storage.ledger import Ledger
from pipeline.storage.morning_settings import (
    Concern,
    Morning,
    Suggestion,
    Suggestions,
    load_morning,
    load_suggestions,
)
from pipeline.vault.erased import tombstone_of
from pipeline.vault.identities import identities
from pipeline.vault.keys import read_vault
from pipeline.vault.pages import drop_pages, write_private
from reports.clinical.morning import morning_page
from reports.clinical.rendering import form_word, rule_words
from reports.drawing.templating import percent
from transforms.errors import NothingToDoError
from transforms.intake.pseudonyms import GroupKey
from transforms.sql import records
from transforms.statistics.withheld import Record

KIND = "morning"  # folder of the lists among the pages of the vault
NOT_KNOWN = "not known here"
LATELY = 28  # days in which a risk alert that closed itself is still told
SEEN: dict[Concern, str] = {
    "risk": "positive answer to a risk item",
    "reported_rupture": "the client reported a rupture",
    "not_on_track": "score beyond the limit of expected response",
    "alliance_fall": "the alliance fell",
    "leaving_soon": "likely not to come again: among the highest tenth",
    "no_form": "attended sessions in a row without an outcome form",
}
# An alliance alert whose rule names the client's own report is no inference.
ALERTS = """
    with
    log as (
        select * from read_parquet({log}, union_by_name = true, hive_partitioning = false)
        union all by name
        select null::uuid as alert_key, null::varchar as act, null::date as snoozed_until
        where false
    ),
    answered as (
        select
            alert_key,
            bool_or(act = 'closed') as is_closed,
            arg_max(coalesce(act, 'acknowledged'), acknowledged_at) as act,
            arg_max(coalesce(snoozed_until, date '1970-01-01'), acknowledged_at) as until
        from log group by alert_key
    )
    select
        alerts.alert_key, alerts.clinic_id, alerts.client_key, alerts.therapist_key,
        alerts.raised_at, alerts.rule, alerts.instrument_id, alerts.threshold, alerts.source_file,
        alerts.source_line,
        case
            when alerts.alert_kind = 'risk_item' then 'risk'
            when alerts.alert_kind = 'unrepaired_rupture' and contains(alerts.rule, 'self_report')
                then 'reported_rupture'
            when alerts.alert_kind in ('alliance_drop', 'alliance_trigger', 'unrepaired_rupture')
                then 'alliance_fall'
            when alerts.alert_kind = 'dropout_risk' then 'leaving_soon'
            else alerts.alert_kind
        end as concern
    from process.fct_alerts as alerts
    left join answered using (alert_key)
    where alerts.status in ('open', 'snoozed', 'acknowledged')
        and not coalesce(answered.is_closed, false)
        and (answered.act is null or (answered.act = 'snoozed' and answered.until <= $today))
    order by alerts.raised_at, alerts.alert_key
"""
RIGHT = """
    select 'not_on_track' as concern, instrument_id, estimate, ci_low, ci_high, n_used
    from process.expected_response_report_card
    where metric = 'flagged_who_deteriorated' and intake_band = 0
        and precision_label = 'reportable'
    union all
    select 'leaving_soon', null, estimate, ci_low, ci_high, n_used
    from process.dropout_risk_report_card
    where metric = 'flagged_who_dropped_out' and risk_bin = 0 and precision_label = 'reportable'
    order by n_used
"""
MEANT = {
    "not_on_track": "courses flagged so here ended worse",
    "leaving_soon": "sessions flagged so here were the last before a dropout",
}
LATE = """
    select therapist_key, clinic_id, count(*) from process.fct_alerts
    where alert_kind = 'risk_item' and status = 'closed_unacknowledged'
        and cast(status_at as date) > cast($today as date) - {days}
    group by all
"""


@dataclass(frozen=True)
class Seen:
    """One kind of concern about one client: what was seen, since when, how often it is right."""

    concern: Concern
    what: str
    since: datetime
    how_often_right: str
    places: list[str]
    alert_keys: list[uuid.UUID]
    suggestion: Suggestion | None


@dataclass(frozen=True)
class Line:
    """One client of a list; the most urgent concern first."""

    client_key: uuid.UUID
    client_ids: list[str]
    seen: list[Seen]


@dataclass(frozen=True)
class MorningList:
    """One therapist's list; ``therapist_key`` None: alerts of forms that name no therapist.

    Attributes
    ----------
    rest : how many more clients wait, by their most urgent concern
    n_unlisted : alerts of kinds that config/morning.yml does not list
    n_closed_unanswered : risk alerts that closed themselves in the last four weeks
    """

    clinic_id: str
    therapist_key: uuid.UUID | None
    therapist_ids: list[str]
    lines: list[Line]
    rest: dict[Concern, int]
    n_unlisted: int = 0
    n_closed_unanswered: int = 0
    page: Path | None = field(default=None, compare=False)

    @property
    def title(self) -> str:
        """Whose list it is, in the clinic's own words."""
        if self.therapist_key is None:
            return f"{self.clinic_id}: no therapist named"
        named = ", ".join(self.therapist_ids) or str(self.therapist_key)[:8]
        return f"{self.clinic_id}: therapist {named}"


def morning(
    home: Home, today: date, by: str, therapist: str | None = None, supervisor: str | None = None
) -> list[MorningList]:
    """Write the lists of all therapists, of one, or of those a supervisor is for; return them.

    Raises
    ------
    NothingToDoError
        Nothing is published, the key is no key, or config/morning.yml names no such supervisor.
    """
    settings, suggestions = load_morning(home), load_suggestions(home)
    wanted = _wanted(settings, therapist, supervisor)
    with open_published(home, KIND) as con:
        alerts = _waiting(con, home, today)
        right = {(row["concern"], row["instrument_id"]): row for row in records(con.execute(RIGHT))}
        late = con.execute(LATE.format(days=LATELY), {"today": today}).fetchall()
    n_late = {(key, clinic): n for key, clinic, n in late}
    per_list: dict[tuple[uuid.UUID | None, str], list[Record]] = defaultdict(list)
    for owner in n_late:
        per_list[owner] = []
    for row in alerts:
        per_list[row["therapist_key"], row["clinic_id"]].append(row)
    chosen = {
        owner: rows for owner, rows in per_list.items() if wanted is None or owner[0] in wanted
    }
    names = _names(home, {clinic for _, clinic in chosen})
    if wanted is None:
        drop_pages(home)
    lists = []
    for (key, clinic), rows in sorted(chosen.items(), key=lambda one: (one[0][1], str(one[0][0]))):
        clients = _clients(rows, right, settings, suggestions, names)
        listed = clients[: settings.budget]
        rest = Counter(line.seen[0].concern for line in clients[settings.budget :])
        one = MorningList(
            clinic_id=clinic,
            therapist_key=key,
            therapist_ids=names.get(("therapist", clinic, key), []),
            lines=listed,
            rest={concern: rest[concern] for concern in settings.order if rest[concern]},
            n_unlisted=sum(row["concern"] not in settings.order for row in rows),
            n_closed_unanswered=n_late.get((key, clinic), 0),
        )
        lists.append(_shown(home, one, by, today))
    return lists


def waiting(home: Home, today: date, therapist: str | None = None) -> list[Record]:
    """Return the alerts nobody has answered, or whose snooze is over, the oldest first.

    Raises NothingToDoError when nothing is published or the key is no key.
    """
    wanted = _wanted(Morning(), therapist, None)
    with open_published(home, KIND) as con:
        rows = _waiting(con, home, today)
    return [row for row in rows if wanted is None or row["therapist_key"] in wanted]


def print_counts(lists: list[MorningList], console: Console) -> None:
    """Say how many lists there are and how much is on them; no client, no therapist."""
    n_lines = sum(len(one.lines) for one in lists)
    n_rest = sum(sum(one.rest.values()) for one in lists)
    console.print(f"{len(lists)} list(s), {n_lines} client(s) on them, {n_rest} more wait.")
    if any(one.rest.get("risk") for one in lists):
        n_risk = sum(one.rest.get("risk", 0) for one in lists)
        console.print(f"{n_risk} of those who wait: a risk item. Raise `budget`, or add people.")


def print_list(one: MorningList, console: Console) -> None:
    """Print one therapist's list; names clients."""
    console.print(one.title, style="bold")
    for number, line in enumerate(one.lines, start=1):
        console.print(f"{number}. client {' / '.join(line.client_ids) or 'not known here'}")
        for seen in line.seen:
            console.print(
                f"   {seen.what}, since {seen.since:%d %b %Y}. Right: {seen.how_often_right}."
            )
            if seen.suggestion:
                told = seen.suggestion
                console.print(f"   > {told.text} [source ({told.checked}): {told.source}]")
            console.print(f"   alert {', '.join(map(str, seen.alert_keys))}")
    for concern, count in one.rest.items():
        console.print(f"{count} more wait: {SEEN[concern]}")
    if one.n_closed_unanswered:
        console.print(
            f"{one.n_closed_unanswered} risk alert(s) closed themselves unanswered in the last "
            f"{LATELY} days."
        )


def _waiting(con: duckdb.DuckDBPyConnection, home: Home, today: date) -> list[Record]:
    log = quoted(home.lake / "alerts" / "*.parquet")
    return records(con.execute(ALERTS.format(log=log), {"today": today}))


def _wanted(
    settings: Morning, therapist: str | None, supervisor: str | None
) -> set[uuid.UUID] | None:
    """Return whose lists are asked for; None for all."""
    if therapist is not None:
        try:
            return {uuid.UUID(therapist)}
        except ValueError:
            raise NothingToDoError(
                "morning: this is no therapist key. Copy therapist_key from a published table."
            ) from None
    if supervisor is None:
        return None
    if supervisor not in settings.supervisors:
        raise NothingToDoError("morning: config/morning.yml names no such supervisor.")
    return set(settings.supervisors[supervisor])


def _clients(
    rows: list[Record],
    right: dict[tuple[str, str | None], Record],
    settings: Morning,
    suggestions: Suggestions,
    names: dict[tuple[str, str, uuid.UUID | None], list[str]],
) -> list[Line]:
    """Return everybody with a listed concern: the most urgent first, then who waits longest."""
    rank = {concern: place for place, concern in enumerate(settings.order)}
    per_client: dict[uuid.UUID, dict[Concern, list[Record]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for row in rows:
        if row["concern"] in rank:
            per_client[row["client_key"]][row["concern"]].append(row)
    lines = []
    for client, concerns in per_client.items():
        seen = [
            Seen(
                concern=concern,
                what=_what(concern, found),
                since=found[0]["raised_at"],
                how_often_right=_how_often(concern, found, right),
                places=_places(found),
                alert_keys=[row["alert_key"] for row in found],
                suggestion=suggestions.of(concern),
            )
            for concern, found in sorted(concerns.items(), key=lambda one: rank[one[0]])
        ]
        clinic = next(iter(concerns.values()))[0]["clinic_id"]
        lines.append(Line(client, names.get(("client", clinic, client), []), seen))
    return sorted(
        lines, key=lambda line: (rank[line.seen[0].concern], line.seen[0].since, line.client_key)
    )


def _places(found: list[Record]) -> list[str]:
    """Return file and line of each form, for alerts that rest on one."""
    return [f"{row['source_file']}:{row['source_line']}" for row in found if row["source_file"]]


def _what(concern: Concern, found: list[Record]) -> str:
    """Say what was seen, and how often."""
    text = SEEN[concern]
    forms = sorted({row["instrument_id"] for row in found if row["instrument_id"]})
    if concern in ("risk", "not_on_track"):
        rules = sorted({row["rule"] for row in found}) if concern == "risk" else []
        about = "; ".join([*(form_word(form) for form in forms), *rules])
        text = f"{text} ({about})" if about else text
    if concern == "alliance_fall":
        rules = sorted({name.strip() for row in found for name in row["rule"].split(";")})
        text = f"{text} ({rule_words(';'.join(rules))})"
    if concern == "no_form":
        text = f"{found[0]['threshold']:.0f} {text}"
    return f"{text}, {len(found)} times" if len(found) > 1 else text


def _how_often(
    concern: Concern, found: list[Record], right: dict[tuple[str, str | None], Record]
) -> str:
    """Say how often such a line is right here, from the report cards; else that nobody knows."""
    card = right.get((concern, found[-1]["instrument_id"] if concern == "not_on_track" else None))
    if card is None or card["estimate"] is None:
        return NOT_KNOWN
    low, share, high = (percent(card[name]) for name in ("ci_low", "estimate", "ci_high"))
    return f"{share} ({low} to {high}) of {card['n_used']:,} {MEANT[concern]}"


def _names(home: Home, clinics: set[str]) -> dict[tuple[str, str, uuid.UUID | None], list[str]]:
    """Return the clinics' own identifiers of clients and therapists, from the vault."""
    names: dict[tuple[str, str, uuid.UUID | None], list[str]] = {}
    with duck(home) as con:
        for clinic in sorted(clinics):
            with identities(con, home, clinic) as relation:
                if relation is None:
                    continue
                columns = {row[0] for row in con.execute(f"describe {relation}").fetchall()}
                for who in ("client", "therapist"):
                    if f"{who}_key" not in columns:
                        continue
                    found = con.execute(
                        f"select {who}_key, list(distinct {who}_id order by {who}_id) "
                        f"from {relation} where {who}_id is not null group by 1"
                    ).fetchall()
                    names |= {(who, clinic, key): ids for key, ids in found}
    return names


def _shown(home: Home, one: MorningList, by: str, today: date) -> MorningList:
    """Note that somebody reads these names, then write the page."""
    group = GroupKey.derive(read_vault(home).pseudonyms, read_clinic(home, one.clinic_id).group)
    Ledger(home).note(
        "morning list",
        clinic=one.clinic_id,
        by=by,
        subjects=[tombstone_of(group, line.client_key) for line in one.lines],
    )
    name = one.therapist_key or f"no-therapist-{one.clinic_id}"
    page = write_private(home, f"{KIND}/{name}.html", morning_page(one, today, SEEN, LATELY))
    return replace(one, page=page)
