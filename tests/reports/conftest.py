import pytest

from reports.validation.page import write_index, write_report
from tests.reports.hand_made import RUN, build_database


@pytest.fixture(scope="session")
def analytics(tmp_path_factory):
    return build_database(tmp_path_factory.mktemp("quality") / "analytics.duckdb")


@pytest.fixture(scope="session")
def reports(analytics, tmp_path_factory):
    """A reports folder with the page of one run and the index."""
    folder = tmp_path_factory.mktemp("reports")
    write_report(analytics, folder, RUN)
    write_index(folder, [RUN], published=RUN)
    return folder
