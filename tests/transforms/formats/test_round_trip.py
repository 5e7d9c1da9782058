"""The same responses, written in every format and every dialect, give the same rows."""

from __future__ import annotations

from datetime import datetime
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks import export_writers as write
from benchmarks import survey_writers
from benchmarks.export_writers import Dialect, Response
from tests.transforms.delivered import expected_rows, staged_rows
from transforms.intake.client_ids import NOTHING

# Quotation marks, delimiters and umlauts for text; FHIR allows letters, digits, - and . in ids.
# A cell of marks alone, such as a dash, is how systems write nothing.
TEXT_IDS = st.text("aZ09äß'\";,|-.", min_size=1, max_size=6).filter(lambda one: one not in NOTHING)
FHIR_IDS = st.text("aZ09-.", min_size=1, max_size=6).filter(lambda one: one not in NOTHING)
ANSWERS = st.one_of(st.none(), st.integers(0, 20).map(lambda half: half / 2))
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2030, 12, 31)).map(
    lambda moment: moment.replace(second=0, microsecond=0)
)
DIALECTS = st.builds(
    Dialect,
    encoding=st.sampled_from(
        ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1"]
    ),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    decimal=st.sampled_from([".", ","]),
)


def responses(ids):
    """One to eight responses, each with an answer, no two of one client at one time."""
    items = st.tuples(*[ANSWERS] * write.N_ITEMS).filter(lambda i: any(v is not None for v in i))
    return st.lists(
        st.builds(Response, ids, MOMENTS, items),
        min_size=1,
        max_size=8,
        unique_by=lambda r: (r.client_id, r.completed_at),
    )


def n_examples(number: int, **more):
    """A bounded number of examples that is the same on every machine."""
    return settings(
        max_examples=number,
        deadline=None,
        derandomize=number < 1_000,
        suppress_health_check=list(HealthCheck),
        **more,
    )


def check(tmp_path_factory, rows: list[Response], export: write.Export) -> None:
    assert staged_rows(export, tmp_path_factory.mktemp("round")) == expected_rows(rows)


PACKINGS = [lambda export: export, write.zipped, write.gzipped]
TEXT_FORMATS = {
    "delimited": write.delimited,
    "redcap": write.redcap,
    "qualtrics": write.qualtrics,
    "wide": write.wide,
    "long": write.long,
    "limesurvey": survey_writers.limesurvey,
    "google forms": survey_writers.google_forms,
    "microsoft forms": survey_writers.microsoft_forms,
    "surveymonkey": survey_writers.surveymonkey,
}
OTHER_FORMATS = {
    "excel": (write.workbook, TEXT_IDS),
    "excel, all text": (partial(write.workbook, as_text=True), TEXT_IDS),
    "fhir": (write.fhir, FHIR_IDS),
}


def check_text(tmp_path_factory, name: str, number: int) -> None:
    """Draw responses, a dialect and a packing; write and read them."""

    @n_examples(number)
    @given(responses(TEXT_IDS), DIALECTS, st.sampled_from(PACKINGS))
    def same_rows(rows, dialect, pack):
        check(tmp_path_factory, rows, pack(TEXT_FORMATS[name](rows, dialect)))

    same_rows()


@pytest.mark.parametrize("name", TEXT_FORMATS)
def test_every_text_format_in_every_dialect(tmp_path_factory, name):
    """Encoding × delimiter × line end × decimal sign × packing."""
    check_text(tmp_path_factory, name, 10)


@pytest.mark.slow
@pytest.mark.parametrize("name", TEXT_FORMATS)
def test_every_text_format_in_every_dialect_many_times(tmp_path_factory, name):
    """The same with many more examples, other ones in every run."""
    check_text(tmp_path_factory, name, 1_000)


@pytest.mark.parametrize("name", OTHER_FORMATS)
def test_every_other_format(tmp_path_factory, name):
    writer, ids = OTHER_FORMATS[name]

    @n_examples(12)
    @given(responses(ids))
    def same_rows(rows):
        check(tmp_path_factory, rows, writer(rows))

    same_rows()


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHER_FORMATS)
def test_every_other_format_many_times(tmp_path_factory, name):
    writer, ids = OTHER_FORMATS[name]

    @n_examples(1_000)
    @given(responses(ids))
    def same_rows(rows):
        check(tmp_path_factory, rows, writer(rows))

    same_rows()
