"""The same responses, written in every format and every dialect, give the same rows."""

from __future__ import annotations

from datetime import datetime
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks import export_writers as write
from benchmarks.export_writers import Dialect, Response
from tests.transforms.delivered import expected_rows, staged_rows

# Quotation marks, delimiters and umlauts for text; FHIR allows letters, digits, - and . in ids.
TEXT_IDS = st.text("aZ09äß'\";,|-.", min_size=1, max_size=6)
FHIR_IDS = st.text("aZ09-.", min_size=1, max_size=6)
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
TEXT_FORMATS = [write.delimited, write.redcap, write.qualtrics, write.wide, write.long]
OTHER_FORMATS = {
    "excel": (write.workbook, TEXT_IDS),
    "excel, all text": (partial(write.workbook, as_text=True), TEXT_IDS),
    "fhir": (write.fhir, FHIR_IDS),
}


def check_text(tmp_path_factory, rows, dialect, writer, pack) -> None:
    check(tmp_path_factory, rows, pack(writer(rows, dialect)))


drawn = given(
    rows=responses(TEXT_IDS),
    dialect=DIALECTS,
    writer=st.sampled_from(TEXT_FORMATS),
    pack=st.sampled_from(PACKINGS),
)


@n_examples(70)
@drawn
def test_every_text_format_and_dialect(tmp_path_factory, rows, dialect, writer, pack):
    """Encoding × delimiter × line end × decimal sign × packing × format."""
    check_text(tmp_path_factory, rows, dialect, writer, pack)


@pytest.mark.slow
@n_examples(3_000)
@drawn
def test_every_text_format_and_dialect_many_times(tmp_path_factory, rows, dialect, writer, pack):
    """The same with many more examples."""
    check_text(tmp_path_factory, rows, dialect, writer, pack)


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
