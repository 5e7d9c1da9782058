"""The published alerts reach the next build, and only they."""

from datetime import datetime

import duckdb
import pyarrow.parquet as pq
import pytest

from pipeline.storage.alert_history import ALERTS, keep_alerts
from pipeline.storage.ledger import Ledger
from tests.conftest import key

RUN = "2026-02-01T00-00-00Z"


def kept(home) -> list[tuple]:
    with duckdb.connect() as con:
        return con.execute(
            "select alert_key::varchar, status, last_published_at::varchar "
            f"from read_parquet('{home.lake}/quality/published_alerts.parquet') order by 1"
        ).fetchall()


def publish(home, sql: str, *, is_in_ledger: bool = True) -> None:
    """Publish one release that holds what ``sql`` creates; its run began at half past five."""
    if is_in_ledger:
        Ledger(home).open_run(RUN, datetime(2026, 2, 1, 5, 30), "0" * 16)
    release = home.root / "releases" / RUN / "analytics.duckdb"
    release.parent.mkdir(parents=True, exist_ok=True)
    release.unlink(missing_ok=True)
    with duckdb.connect(str(release)) as con:
        con.execute("create schema process")
        con.execute(sql)
    home.published.parent.mkdir(parents=True, exist_ok=True)
    home.published.unlink(missing_ok=True)
    home.published.symlink_to(release)


def test_before_the_first_release_there_is_an_empty_file_with_its_columns(home):
    keep_alerts(home)

    assert kept(home) == []
    file = pq.read_schema(home.lake / "quality" / "published_alerts.parquet")
    assert file.names == ALERTS.names


@pytest.mark.parametrize("absent", [(), ("closed_by", "snoozed_until")])
@pytest.mark.parametrize(("is_in_ledger", "since"), [(True, "2026-02-01 05:30:00"), (False, None)])
def test_published_alerts_are_kept_with_the_start_of_their_run(home, is_in_ledger, since, absent):
    """Also those of a release from before a person could snooze or close one."""
    columns = ", ".join(
        f"null::{'uuid' if name.endswith('_key') else 'varchar'} as {name}"
        for name in ALERTS.names[1:-1]
        if name not in ("status", *absent)
    )
    publish(
        home,
        f"create table process.fct_alerts as select '{key('a')}'::uuid as alert_key, "
        f"'open' as status, {columns}",
        is_in_ledger=is_in_ledger,
    )

    keep_alerts(home)

    assert kept(home) == [(key("a"), "open", since)]
    file = pq.read_schema(home.lake / "quality" / "published_alerts.parquet")
    assert file.names == ALERTS.names


def test_a_release_from_before_there_were_alerts_leaves_none(home):
    publish(home, "create table process.fct_ruptures as select 1 as x")

    keep_alerts(home)

    assert kept(home) == []
