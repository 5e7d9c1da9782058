"""Nights that end when the rows are in the lake: everything before dbt, on made-up days."""

from __future__ import annotations

import re
from datetime import datetime

import duckdb

from pipeline.home import REPOSITORY, Home
from pipeline.steps import accept, intake, judge
from pipeline.storage import lake
from pipeline.storage.as_of import rows_as_of
from pipeline.storage.configuration import write_registry
from pipeline.storage.landing import new_deliveries
from pipeline.storage.ledger import Ledger
from pipeline.vault.keys import open_vault
from transforms.contract import TABLES

HEADER = "response_id,client_id,instrument,rater,completed_at," + ",".join(
    f"item_{n}" for n in range(1, 10)
)


class Clinic:
    """One clinic whose nights end when its rows are in the lake."""

    def __init__(self, place: Home) -> None:
        self.place, self.nights = place, 0
        self.ledger = Ledger(place)
        open_vault(place)
        lake.write_empty_tables(place)
        write_registry(place)

    def configure(self, text: str) -> None:
        (self.place.config / "clinics" / "clinic.yml").write_text(text, "utf-8")

    def land(self, file: str, *rows: str, header: str = HEADER) -> None:
        path = self.place.landing / "clinic" / file
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join([header, *rows]) + "\n", "utf-8")

    def night(self, fingerprint: str = "v1") -> dict[str, str]:
        """Take in what is new, on the next day of February; return status by file name."""
        self.nights += 1
        run_id, now = f"run{self.nights}", datetime(2026, 2, self.nights)
        deliveries = new_deliveries(self.place, self.ledger, now, fingerprint)
        if not deliveries:
            return {}
        self.ledger.open_run(run_id, now, fingerprint)
        intake.intake(self.place, run_id, "clinic", deliveries)
        judge.judge(self.place, run_id)
        accept.accept(self.place, run_id, self.ledger, deliveries)
        self.reasons = {
            row["source_file"]: row["reason"] for row in self.ledger.all_files() if row["reason"]
        }
        return {
            row["source_file"]: row["status"]
            for row in self.ledger.all_files()
            if row["run_id"] == run_id
        }

    def ask(self, query: str) -> list[tuple]:
        with duckdb.connect() as con:
            return con.execute(query).fetchall()

    def held(self, day: int | None = None) -> list[tuple]:
        """Return (day of January, answer) of the forms held, now or on a day of February."""
        table = TABLES["responses"]
        rows = (
            rows_as_of(self.place, table, datetime(2026, 2, day, 23))
            if day
            else lake.current_rows(self.place, table, "clinic")
        )
        query = f"select day(completed_at), item_1::integer from ({rows}) order by all"
        return self.ask(query)

    def documented(self, day: int) -> list[tuple]:
        """Ask as docs/as-of.md says, for a day of February."""
        page = (REPOSITORY / "docs" / "as-of.md").read_text("utf-8")
        (query,) = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
        assert query.count("2026-02-02") == 2
        query = query.replace("2026-02-02", f"2026-02-{day:02}")
        query = query.replace("'lake/", f"'{self.place.lake}/")
        return self.ask(f"select day(observed_at), item_1::integer from ({query}) order by all")

    def days(self, day: int | None = None) -> list[int]:
        return [observed for observed, _ in self.held(day)]
