"""`rapport report` on homes with and without a release."""

import pytest

from pipeline.home import Home
from pipeline.steps.report_page import rewrite_pages
from tests.reports.hand_made import RUN, build_database
from transforms.errors import NothingToDoError


def test_the_page_is_written_again_from_its_release(tmp_path):
    home = Home(tmp_path)
    home.prepare()
    home.release(RUN).parent.mkdir(parents=True)
    build_database(home.release(RUN))

    page = rewrite_pages(home, RUN)

    assert page == home.reports / RUN / "index.html"
    assert RUN in (home.reports / "index.html").read_text("utf-8")


def test_without_a_release_it_says_what_to_do(tmp_path):
    home = Home(tmp_path)
    home.prepare()

    with pytest.raises(NothingToDoError, match="rapport run"):
        rewrite_pages(home)
    with pytest.raises(NothingToDoError, match="Kept: none"):
        rewrite_pages(home, RUN)
