"""What a person has to know of a run that is no file's and no row's fault.

Names nobody reads, a clinic whose YAML is wrong, one that broke off or was left out. Kept in
``work/<run>/remarks.json``; summary, `rapport status`, the run's page, the index and the exit code
all read it there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from pipeline.home import Home


@dataclass(frozen=True)
class Remark:
    """One place and what is the matter with it, with what to do; never a cell.

    waits : nothing is wrong yet, such as a file that is still being sent
    is_unread : something was not read or fell out, which exit code 4 says
    """

    where: str
    what: str
    waits: bool = False
    is_unread: bool = True

    @property
    def clinic(self) -> str:
        """The clinic it is about as a whole; empty where it is about a place."""
        name = self.where.removeprefix("clinic ")
        return name if name != self.where else ""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def keep_remarks(home: Home, run_id: str, remarks: Iterable[Remark]) -> None:
    """Add to what is kept of a run; what is there already is not said twice."""
    together = dict.fromkeys([*read_remarks(home, run_id), *remarks])
    path = home.work(run_id) / "remarks.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(remark) for remark in together], indent=1), "utf-8")


def read_remarks(home: Home, run_id: str) -> list[Remark]:
    """Return what was kept of a run, in the order it was found."""
    path = home.work(run_id) / "remarks.json"
    rows = json.loads(path.read_text("utf-8")) if path.exists() else []
    return [Remark(**row) for row in rows]
