"""Ratings written by hand, run through every rupture model from the ratings to the cf_ tables."""

import csv
import uuid
from dataclasses import dataclass

import duckdb

from tests.conftest import ROOT, key
from tests.dbt.rendered_models import rendered
from transforms.common_factors.rupture_base_rates import RUPTURE_BASE_RATES
from transforms.common_factors.rupture_noise import (
    JUDGED,
    KEY,
    RATING_COLUMNS,
    RULE_COLUMNS,
    rupture_noise,
)
from transforms.common_factors.rupture_summary import RUPTURE_SUMMARY
from transforms.common_factors.table import estimated, handed_over

DETECTORS = ROOT / "config" / "detectors.csv"
MODELS = (
    "int_rupture_ratings",
    "int_rupture_rules",
    "int_rupture_events",
    "fct_ruptures",
    "cf_alliance_ruptures",
)
NUMBERS = {
    "threshold_sd",
    "threshold_points",
    "item_threshold",
    "baseline_sessions",
    "limit_constant",
    "confidence_z",
    "reference_episodes",
    "min_ratings",
    "sd_min_ratings",
    "repair_share",
    "strict_repair_sd",
    "resolved_from",
}


@dataclass(frozen=True)
class Form:
    """A form as the registry has it."""

    instrument_id: str
    version: str
    low: float
    high: float
    family: str = "alliance"
    rc_value: float | None = None
    rc_operator: str | None = None
    reliability: float | None = None


WAI = Form("wai_sr", "standard", 12, 60)
SRS = Form("srs", "v3", 0, 40)
PSQ = Form("psq", "standard", 0, 1, family="rupture")
# A form whose reliable change is 5 points: falls are judged without any SD.
FIVE_POINTS = Form("wai_sr", "standard", 12, 60, rc_value=5, rc_operator=">=")


@dataclass(frozen=True)
class Course:
    """An episode: a rating per attended session, None where the session was not rated."""

    ratings: tuple
    form: Form = FIVE_POINTS
    items: tuple = ()
    resolutions: tuple = ()
    is_open: bool = False
    clinic: str = "harbor"


def ratings_judged(
    courses: dict,
    *,
    extra_detectors: tuple[dict, ...] = (),
    reports: dict | None = None,
    parts: dict | None = None,
):
    """Run the models; return a connection with their relations.

    ``reports`` says of a course at which sessions its client reports a rupture (1) or none (0),
    ``parts`` its task, bond and goal by session, POMP.
    """
    con = duckdb.connect()
    _create_tables(con)
    _insert_detectors(con, extra_detectors)
    for name, course in courses.items():
        _insert(con, name, course if isinstance(course, Course) else Course(tuple(course)))
    for name, answers in (reports or {}).items():
        _insert_reports(con, name, answers)
    for name, by_session in (parts or {}).items():
        for number, values in enumerate(by_session, start=1):
            con.execute(
                "insert into fct_session_process values (?, ?, ?, ?, ?)",
                [key(name), number, *values],
            )
    for model in MODELS:
        con.execute(f"create table {model} as {rendered(model)}")
        if model == "int_rupture_events":
            con.register("int_rupture_noise", noise_of(con))
    con.register(
        "int_cf_rupture_base_rates",
        estimated(RUPTURE_BASE_RATES, con.table("cf_alliance_ruptures")),
    )
    con.register(
        "int_cf_rupture_summary", estimated(RUPTURE_SUMMARY, con.table("cf_alliance_ruptures"))
    )
    con.execute(f"create table cf_rupture_summary as {rendered('cf_rupture_summary')}")
    return con


def noise_of(con):
    """Return what the detectors find in noise, as the model hands it over."""
    return rupture_noise(
        handed_over(con.table("int_rupture_rules"), (KEY, *RULE_COLUMNS), JUDGED),
        handed_over(con.table("int_rupture_ratings"), (KEY, *RATING_COLUMNS)),
        repair_sessions=3,
    )


def _create_tables(con) -> None:
    con.execute(
        "create table int_rupture_keys (series_key uuid, episode_key uuid, clinic_id varchar, "
        "clinic_group varchar, client_key uuid, therapist_key uuid, instrument_id varchar, "
        "version varchar, rater varchar, family varchar, score_min double, score_max double, "
        "rc_value double, rc_operator varchar, reliability double, last_position bigint, "
        "is_open boolean)"
    )
    con.execute(
        "create table int_followed_scores (episode_key uuid, session_key uuid, response_key uuid, "
        "completed_at timestamp, instrument_id varchar, version varchar, rater varchar, "
        "scale varchar, score double)"
    )
    con.execute(
        "create table int_episode_instruments (episode_key uuid, role varchar, "
        "instrument_id varchar, version varchar, rater varchar, scale varchar)"
    )
    con.execute(
        "create table int_rupture_forms (series_key uuid, episode_key uuid, session_number bigint, "
        "instrument_id varchar, version varchar, family varchar, score double, "
        "lowest_item double, intensity double, resolution double)"
    )
    con.execute(
        "create table fct_sessions (clinic_id varchar, client_key uuid, "
        "therapist_key uuid, episode_key uuid, session_key uuid, session_number bigint, "
        "session_at timestamp)"
    )
    con.execute(
        "create table fct_session_process (episode_key uuid, session_number bigint, "
        "task_pomp double, bond_pomp double, goal_pomp double)"
    )
    con.execute("create table int_cf_extract_date as select date '2026-01-01' as extract_date")
    con.execute(
        "create table benchmarks (benchmark_id varchar, table_name varchar, metric varchar, "
        "value double, ci_low double, ci_high double, source varchar, evidence varchar, "
        "is_comparable boolean, why_not varchar)"
    )


def _insert_detectors(con, extra: tuple[dict, ...]) -> None:
    with DETECTORS.open(encoding="utf-8") as lines:
        rows = [*csv.DictReader(lines), *extra]
    columns = list(rows[0])
    con.execute(
        "create table detectors ("
        + ", ".join(f"{c} {'double' if c in NUMBERS else 'varchar'}" for c in columns)
        + ")"
    )
    for column in ("baseline_sessions", "min_ratings", "sd_min_ratings", "reference_episodes"):
        con.execute(f"alter table detectors alter {column} type integer")
    marks = ", ".join("?" for _ in columns)
    for row in rows:
        con.execute(
            f"insert into detectors values ({marks})", [row.get(c) or None for c in columns]
        )


def _insert(con, name: str, course: Course) -> None:
    episode, form = uuid.UUID(key(name)), course.form
    con.execute(
        "insert into int_rupture_keys values "
        "(?, ?, ?, 'coast', ?, ?, ?, ?, 'client', ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            episode,
            episode,
            course.clinic,
            key("client" + name),
            key("therapist"),
            form.instrument_id,
            form.version,
            form.family,
            form.low,
            form.high,
            form.rc_value,
            form.rc_operator,
            form.reliability,
            len(course.ratings),
            course.is_open,
        ],
    )
    if form.family == "alliance":
        con.execute(
            "insert into int_episode_instruments values "
            "(?, 'client_alliance', ?, ?, 'client', 'total')",
            [episode, form.instrument_id, form.version],
        )
    for number, rating in enumerate(course.ratings, start=1):
        con.execute(
            "insert into fct_sessions values (?, ?, ?, ?, ?, ?, '2025-01-01')",
            [
                course.clinic,
                key("client" + name),
                key("therapist"),
                episode,
                key(f"{name}-{number}"),
                number,
            ],
        )
        if rating is not None:
            _insert_rating(con, name, course, number)


def _insert_reports(con, name: str, answers: dict) -> None:
    """Give an episode the answers to a questionnaire beside its alliance form."""
    series, psq = key(f"reports-{name}"), PSQ
    con.execute(
        "insert into int_rupture_keys by name (select * replace (?::uuid as series_key, "
        "? as instrument_id, ? as version, 0.0 as score_min, 1.0 as score_max, "
        "? as family, null as rc_value, null as rc_operator) "
        "from int_rupture_keys where series_key = ?)",
        [series, psq.instrument_id, psq.version, psq.family, key(name)],
    )
    for session, answer in answers.items():
        con.execute(
            "insert into int_rupture_forms values (?, ?, ?, ?, ?, ?, ?, null, null, null)",
            [series, key(name), session, psq.instrument_id, psq.version, psq.family, answer],
        )


def _insert_rating(con, name: str, course: Course, number: int) -> None:
    form, rating = course.form, course.ratings[number - 1]
    item = course.items[number - 1] if course.items else None
    resolution = course.resolutions[number - 1] if course.resolutions else None
    score = 1 - rating if form.family == "rupture" else None
    if form.family == "alliance":
        session = key(f"{name}-{number}")
        con.execute(
            "insert into int_followed_scores values "
            "(?, ?, ?, '2025-01-01', ?, ?, 'client', 'total', ?)",
            [key(name), session, session, form.instrument_id, form.version, rating],
        )
    con.execute(
        "insert into int_rupture_forms values (?, ?, ?, ?, ?, ?, ?, ?, null, ?)",
        [
            *(key(name), key(name), number),
            *(form.instrument_id, form.version, form.family),
            *(score, item, resolution),
        ],
    )
