"""Each change of form is found with its kind and column; an unchanged delivery finds nothing.

Answers come from the demo clinics, split into two deliveries at random and by date.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pytest

from demo import generate
from transforms.errors import ConfigError
from transforms.form_changes.answer_shift import Definition, shifts
from transforms.form_changes.compare import changes, changes_of_night, undecided
from transforms.form_changes.limits import load_limits
from transforms.form_changes.profile import (
    Form,
    Profile,
    Sheet,
    added,
    family,
    form_of,
)

ROOT = Path(__file__).resolve().parents[3]
LIMITS = load_limits(ROOT / "config" / "form_change.yml")
SCALES = {
    "phq9": Definition(3),
    "wai_sr": Definition(5, (7,)),
    "wai_s": Definition(7, (5,)),
    "ors": Definition(10),
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory) -> dict[str, np.ndarray]:
    """Answers (forms, items) of the demo's complete forms in order of their date."""
    folder = tmp_path_factory.mktemp("demo")
    generate(folder / "landing", folder, n_sessions=2_500, seed=1, defects=False)
    found = {}
    with duckdb.connect() as con:
        con.execute(
            "create view forms as select * from "
            f"read_csv('{folder}/landing/harbor/responses.csv', all_varchar = true)"
        )
        for instrument, n_items in {"phq9": 9, "wai_sr": 12, "wai_s": 12}.items():
            items = ", ".join(f"item_{n}::double" for n in range(1, n_items + 1))
            rows = con.execute(
                f"select {items} from forms where instrument = ? "
                "order by completed_at, response_id",
                [instrument],
            ).fetchall()
            found[instrument] = np.array(rows, dtype=float)
    rng = np.random.default_rng(7)
    wellbeing = rng.normal(5, 2, (800, 1)) + rng.normal(0, 1, (800, 4))
    found["ors"] = np.round(np.clip(wellbeing, 0, 10), 1)
    return found


def halves(answers, n_new=100, seed=3):
    """Return two deliveries of the same clients' forms, drawn at random."""
    order = np.random.default_rng(seed).permutation(len(answers))
    return answers[order[n_new:]], answers[order[:n_new]].copy()


def compare(instrument, earlier, new, known=None):
    key = (instrument, "standard", "client")
    known = known or SCALES[instrument]
    found = shifts(form_of(key, earlier), form_of(key, new), known, LIMITS)
    return [(shift.change, shift.items) for shift in found]


def swapped(new):
    new[:, [1, 2]] = new[:, [2, 1]]
    return new


def turned(new, items, ends):
    columns = [item - 1 for item in items]
    new[:, columns] = ends - new[:, columns]
    return new


def emptied(new):
    new[:, 4] = np.nan
    return new


def constant(new):
    """A default in place of the answers; it is no exchange of columns."""
    new[:, 4] = np.nanmin(new[:, 4])
    return new


def coded(new, code=9, every=5):
    new[::every, 2] = code
    return new


@pytest.mark.parametrize("instrument", ["phq9", "wai_sr", "wai_s", "ors"])
@pytest.mark.parametrize("n_new", [30, 100, 300])
def test_an_unchanged_form_finds_nothing(answers, instrument, n_new):
    assert compare(instrument, *halves(answers[instrument], n_new)) == []


@pytest.mark.parametrize("instrument", ["phq9", "wai_sr", "wai_s"])
def test_clients_who_got_better_are_no_change_of_form(answers, instrument):
    """The earlier half of the year against the later half."""
    middle = len(answers[instrument]) // 2

    assert compare(instrument, answers[instrument][:middle], answers[instrument][middle:]) == []


def test_clients_as_far_above_the_middle_as_others_were_below_are_no_reversal():
    """Means of 3 and of 7 on a scale from 0 to 10: turning it round would fit as well."""
    rng = np.random.default_rng(2)
    people = 3 + rng.normal(0, 2, (800, 1)) + rng.normal(0, 0.5, (800, 4))
    better = np.round(np.clip(people[600:] + 4, 0, 10), 1)

    assert compare("ors", np.round(np.clip(people[:600], 0, 10), 1), better) == []


@pytest.mark.parametrize(
    ("instrument", "change", "expected"),
    [
        ("wai_sr", swapped, ("swapped_columns", (2, 3))),
        ("phq9", lambda new: new + 1, ("recoded_items", ())),
        ("wai_sr", lambda new: new - 1, ("recoded_items", ())),
        ("wai_s", lambda new: new + 1, ("recoded_items", ())),
        ("phq9", lambda new: turned(new, [4], 3), ("recoded_items", (4,))),
        ("wai_sr", lambda new: turned(new, range(1, 13), 6), ("recoded_items", ())),
        ("ors", lambda new: new * 10, ("recoded_items", ())),
        ("wai_s", lambda new: np.ceil(new * 5 / 7), ("scale_of_other_version", ())),
        ("wai_sr", lambda new: np.round(1 + (new - 1) * 1.5), ("scale_of_other_version", ())),
        ("phq9", emptied, ("emptied_item", (5,))),
        ("phq9", constant, ("constant_item", (5,))),
        ("wai_sr", constant, ("constant_item", (5,))),
        ("ors", coded, ("missing_code_in_range", (3,))),
    ],
)
def test_a_changed_form_is_found_with_its_items(answers, instrument, change, expected):
    earlier, new = halves(answers[instrument], 200)

    assert compare(instrument, earlier, change(new)) == [expected]


def test_millimetres_become_centimetres(answers):
    earlier, new = halves(answers["ors"])

    assert compare("ors", earlier * 10, new) == [("recoded_items", ())]


def test_items_the_definition_turns_are_found_when_they_come_turned(answers):
    """A clinic that starts to send reverse-keyed items as they are scored."""
    earlier, new = halves(answers["phq9"], 200)
    known = Definition(3, (), (1, 4, 7))

    found = compare("phq9", earlier, turned(new, [1, 4, 7], 3), known)

    assert found == [("recoded_items", (1, 4, 7))]


@pytest.mark.parametrize(("n_forms", "n_found"), [(29, 0), (30, 1)])
def test_thirty_forms_are_enough_and_fewer_are_not(answers, n_forms, n_found):
    earlier, new = halves(answers["phq9"], n_forms)

    assert len(compare("phq9", earlier, new + 1)) == n_found


# ------------------------------------------------------------- deliveries

COLUMNS = ("response_id", "client_id", "completed_at", "note", "item_1", "item_2", "item_3")


def delivery(name, *, columns=COLUMNS, n_rows=100, last_at="2026-01-31", forms=(), **more):
    wired = {column: (column,) for column in columns if column not in ("note", "comment")}
    sheet = Sheet("responses", None, "//", tuple(columns), wired, n_rows, "2026-01-01", last_at)
    return Profile("harbor", name, name, name, (replace(sheet, **more),), tuple(forms))


def found(new, *earlier):
    return [
        (change.change, change.column_name, change.is_blocking)
        for change in [*changes(new, earlier, LIMITS), *changes_of_night([new], earlier, LIMITS)]
    ]


def named(old, new):
    return tuple(new if column == old else column for column in COLUMNS)


BEFORE = delivery("responses_1.csv")
NEWER = {"last_at": "2026-02-28"}


def test_a_first_delivery_and_an_unchanged_second_one_find_nothing():
    assert found(BEFORE) == []
    assert found(delivery("responses_2.csv", **NEWER), BEFORE) == []


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ((*COLUMNS, "comment"), ("added_column", "comment", False)),
        (tuple(c for c in COLUMNS if c != "note"), ("missing_column", "note", False)),
        # The other items would be prorated in its place.
        (COLUMNS[:-1], ("missing_column", "item_3", True)),
        # Without its id a row already held would come again under another key.
        (COLUMNS[1:], ("missing_column", "response_id", True)),
        (
            tuple("comment" if c == "note" else c for c in COLUMNS),
            ("renamed_column", "note", False),
        ),
        (tuple("q2" if c == "item_2" else c for c in COLUMNS), ("renamed_column", "item_2", True)),
        # Nothing is computed from no item: no score shifts.
        (COLUMNS[:4], ("missing_column", "item_1", False)),
    ],
)
def test_a_column_that_came_went_or_changed_its_name(columns, expected):
    new = delivery("responses_2.csv", columns=columns, **NEWER)
    wired = {raw: (raw,) for raw in columns if raw not in ("note", "comment", "q2")}
    new = replace(new, sheets=(replace(new.sheets[0], wired=wired),))

    assert found(new, BEFORE)[0] == expected


@pytest.mark.parametrize(
    ("n_shared", "expected"),
    [(9, [("missing_column", "item_10", True), ("added_column", "other", False)]), (8, [])],
)
def test_a_file_name_of_a_new_kind_is_the_same_source_if_its_columns_are(n_shared, expected):
    """Nine of eleven columns in common is over four fifths, eight of twelve is another form."""
    items = [f"item_{n}" for n in range(1, 11)]
    other = ["other", "more"][: 10 - n_shared]
    before = delivery("october.csv", columns=items)
    new = delivery("november.csv", columns=[*other, *items[:n_shared]], **NEWER)

    assert found(new, before) == expected


def test_files_of_one_archive_are_sources_of_their_own():
    """In each zip one file asks about items 1 to 3, another about items 1 and 2."""

    def both(name, month, first=COLUMNS):
        long, short = (
            delivery(name, columns=columns, member=f"{member}_{month}.csv", **more).sheets[0]
            for member, columns, more in (
                ("long", first, {"n_rows": 100}),
                ("short", COLUMNS[:-1], {"n_rows": 30}),
            )
        )
        sheets = [replace(sheet, last_at=f"2026-{month}-28") for sheet in (long, short)]
        return replace(BEFORE, source_file=name, sheets=tuple(sheets))

    october, november = both("export_10.zip", "10"), both("export_11.zip", "11")
    december = both("export_12.zip", "12", first=COLUMNS[:-1])

    assert found(november, october) == []
    assert found(december, october, november) == [("missing_column", "item_3", True)]


def test_a_column_read_under_its_new_name_was_looked_at():
    new = delivery("responses_2.csv", columns=named("item_2", "q2"), **NEWER)
    wired = BEFORE.sheets[0].wired | {"item_2": ("q2",)}

    assert found(replace(new, sheets=(replace(new.sheets[0], wired=wired),)), BEFORE) == []


@pytest.mark.parametrize(
    ("n_rows", "expected"),
    [(70, []), (69, [("fewer_rows", None, False)]), (130, []), (131, [("more_rows", None, False)])],
)
def test_rows_may_differ_by_thirty_percent_from_the_median_of_earlier_ones(n_rows, expected):
    earlier = [
        delivery(f"responses_{n}.csv", n_rows=rows, last_at=f"2026-01-0{n}")
        for n, rows in enumerate((90, 100, 500), start=1)
    ]

    assert found(delivery("responses_4.csv", n_rows=n_rows, **NEWER), *earlier) == expected


def test_few_rows_a_night_never_alarm():
    earlier = [
        delivery(f"responses_{n}.csv", n_rows=5, last_at=f"2026-01-0{n}") for n in range(1, 6)
    ]

    assert found(delivery("responses_6.csv", n_rows=1, **NEWER), *earlier) == []


def night(day, n_files, n_rows=10, **more):
    """Return what one night brought: a file for each of many clients."""
    files = [
        delivery(f"client_{n}.csv", n_rows=n_rows, last_at=f"2026-02-0{day}", **more)
        for n in range(n_files)
    ]
    return [replace(one, received_at=f"2026-02-0{day}") for one in files]


def test_files_like_each_other_are_usual_however_many():
    """Of 990 files of one night each holds a hundredth of its rows, and the same newest day."""
    first = night(1, 990)
    earlier = [*first, *night(2, 990), *night(3, 985)]

    assert changes_of_night(first, [], LIMITS) == []
    assert changes_of_night(night(4, 990), earlier, LIMITS) == []


@pytest.mark.parametrize(
    ("n_files", "expected"),
    [
        (70, []),
        (69, ["690 rows in 69 files where 1,000 were usual"]),
        (10, ["100 rows in 10 files where 1,000 were usual"]),
        (131, ["1,310 rows in 131 files where 1,000 were usual"]),
        (130, []),
    ],
)
def test_a_night_of_many_files_is_judged_by_its_sum(n_files, expected):
    earlier = [one for day in (1, 2, 3) for one in night(day, 100)]

    assert [one.message for one in changes_of_night(night(4, n_files), earlier, LIMITS)] == expected


def test_a_night_whose_profiles_were_mostly_forgotten_keeps_its_sum():
    earlier = [one for day in (1, 2, 3) for one in night(day, 6, n_rows_of_night=1_000)]

    assert changes_of_night(night(4, 100), earlier, LIMITS) == []
    assert len(changes_of_night(night(4, 6), earlier, LIMITS)) == 1


def test_many_files_none_of_which_holds_anything_newer_are_stale_once():
    stale = [replace(one, received_at="2026-02-05") for one in night(3, 20)]

    found_of_night = changes_of_night(stale, [*night(2, 20), *night(3, 20)], LIMITS)

    assert [one.change for one in found_of_night] == ["stale_delivery"]


def test_each_snapshot_of_a_night_is_the_whole():
    earlier = [one for day in (1, 2, 3) for one in night(day, 2, 100, is_snapshot=True)]

    assert changes_of_night(night(4, 3, 100, is_snapshot=True), earlier, LIMITS) == []


def test_files_named_after_clients_are_not_compared_with_each_other():
    """Names without a number have nothing in common; anna's file says nothing of zoe's."""
    earlier = [
        replace(delivery(f"{name}.csv", last_at=f"2026-02-0{day}"), received_at=f"2026-02-0{day}")
        for day in (1, 2, 3)
        for name in ("anna", "ben")
    ]
    zoe = replace(delivery("zoe.csv", n_rows=1, **NEWER), received_at="2026-02-28")

    assert changes_of_night([zoe], earlier, LIMITS) == []


@pytest.mark.parametrize(
    ("last_at", "expected"),
    [("2026-01-31", [("stale_delivery", None, False)]), ("2026-01-31 00:00:01", [])],
)
def test_a_delivery_without_anything_newer_is_stale(last_at, expected):
    assert found(delivery("responses_2.csv", last_at=last_at), BEFORE) == expected


def test_the_same_content_under_a_new_name_says_so():
    change = changes_of_night([delivery("responses_2.csv")], [BEFORE], LIMITS)[0]

    assert change.message == "the same rows as in the last delivery"


@pytest.mark.parametrize(("is_snapshot", "is_blocking"), [(False, False), (True, True)])
def test_an_empty_delivery_blocks_where_it_would_delete_everything(is_snapshot, is_blocking):
    empty = delivery("responses_2.csv", n_rows=0, last_at=None, is_snapshot=is_snapshot)

    assert found(empty) == [("empty_delivery", None, is_blocking)]


def test_after_an_accepted_change_the_new_form_is_the_reference():
    changed = replace(
        delivery("responses_2.csv", columns=COLUMNS[:-1], **NEWER), is_new_reference=True
    )
    third = delivery("responses_3.csv", columns=COLUMNS[:-1], last_at="2026-03-31")

    assert found(third, BEFORE, changed) == []
    assert found(delivery("responses_4.csv", last_at="2026-04-30"), BEFORE, changed) == [
        ("added_column", "item_3", False)
    ]


def test_small_nightly_deliveries_are_judged_together(answers):
    """Ten forms a night: a change shows once thirty have come."""
    key = ("phq9", "standard", "client")
    order = np.random.default_rng(5).permutation(len(answers["phq9"]))
    nights = [answers["phq9"][order[n : n + 10]] for n in range(0, 200, 10)]

    def night(number, forms):
        return delivery(f"r_{number}.csv", last_at=f"2026-{number:03}", forms=[form_of(key, forms)])

    same = [night(n, forms) for n, forms in enumerate(nights[:17])]
    moved = [night(17 + n, forms + 1) for n, forms in enumerate(nights[17:])]

    assert [found(one, *same[:n]) for n, one in enumerate(same)] == [[]] * 17
    assert found(moved[2], *same, *moved[:2]) == [("recoded_items", None, True)]


def test_a_profile_survives_its_document(answers):
    form = form_of(("phq9", "standard", "client"), answers["phq9"])
    profile = delivery("responses_1.csv", forms=[form])

    assert Profile.from_document(json.loads(json.dumps(profile.as_document()))) == profile


def test_deliveries_added_up_equal_one_delivery(answers):
    """Item means and covariances from the parts are those numpy gets from the whole."""
    key, forms = ("phq9", "standard", "client"), answers["phq9"]
    together = added([form_of(key, forms[:300]), form_of(key, forms[300:])])
    complete = forms[~np.isnan(forms).any(axis=1)]

    whole = form_of(key, forms)
    assert together.n_forms == len(forms)
    assert (together.counts, together.forms_with) == (whole.counts, whole.forms_with)
    assert together.means == pytest.approx(complete.mean(axis=0))
    assert together.covariance == pytest.approx(np.cov(complete.T, bias=True))


def test_a_form_nobody_completes_has_no_means():
    form = form_of(("phq9", None, None), np.array([[1.0, np.nan], [np.nan, 2.0]]))

    assert isinstance(form, Form)
    assert form.n_complete == 0
    assert np.isnan(form.means).all()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("2026/responses_2026-10-31.csv", "#/responses_#.csv"),
        ("export20261031.csv", "export#.csv"),
        ("forms_2026-01-02T10-00-00Z.xlsx", "forms_#.xlsx"),
        # Other questionnaires, not other deliveries.
        ("phq9.csv", "phq9.csv"),
        ("k10_3.csv", "k10_#.csv"),
    ],
)
def test_what_the_file_names_of_one_source_have_in_common(name, expected):
    assert family(name) == expected


def test_a_wrong_threshold_is_refused_with_its_key(tmp_path):
    path = tmp_path / "form_change.yml"
    text = (ROOT / "config" / "form_change.yml").read_text("utf-8")
    path.write_text(text.replace("row_band: 0.3", "row_band: 30"), "utf-8")

    with pytest.raises(ConfigError, match=r"form_change\.yml: row_band"):
        load_limits(path)


@pytest.mark.parametrize(
    ("n_before", "n_new", "told"),
    [
        (0, 29, "29 form(s) so far, fewer than 30: neither wrong codes (S41) nor changed ones"),
        (14, 15, "29 form(s) so far, fewer than 30: neither wrong codes (S41) nor changed ones"),
        (0, 30, "30 form(s) so far, fewer than 60: changed codes"),
        (30, 29, "59 form(s) so far, fewer than 60: changed codes"),
        (30, 30, None),
        (0, 60, None),
    ],
)
def test_too_few_forms_to_tell_are_said_with_how_many_there_are(n_before, n_new, told):
    """Thirty forms say something of a coding, thirty on either side of a change."""
    key = ("gad7", "standard", "client")
    first, second = (
        delivery(name, forms=[form_of(key, np.ones((n, 7)))] if n else [])
        for name, n in (("responses_1.csv", n_before), ("responses_2.csv", n_new))
    )

    found = undecided(second, [first], LIMITS)

    assert [change.message for change in found] == (
        [f"gad7 standard client: {told} can be told"] if told else []
    )
    assert not any(change.is_blocking for change in found)
