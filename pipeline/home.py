"""Where everything lives on disk: the one place that builds a path."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Home:
    """The folders of one installation.

    ``root`` is RAPPORT_HOME (default ``./data``), ``config`` is RAPPORT_CONFIG (default the
    ``config`` folder of this repository).
    """

    root: Path
    config: Path = REPOSITORY / "config"

    @classmethod
    def from_environment(cls) -> Home:
        """Read RAPPORT_HOME and RAPPORT_CONFIG."""
        return cls(
            Path(os.environ.get("RAPPORT_HOME", "data")).resolve(),
            Path(os.environ.get("RAPPORT_CONFIG", REPOSITORY / "config")).resolve(),
        )

    @property
    def landing(self) -> Path:
        """Exports as the clinics wrote them; never changed."""
        return self.root / "landing"

    @property
    def lake(self) -> Path:
        """Accepted rows as Parquet, append-only."""
        return self.root / "lake"

    @property
    def quarantine(self) -> Path:
        """Rows that broke a rule, whole, behind the door (pseudonymised)."""
        return self.root / "quarantine"

    @property
    def vault(self) -> Path:
        """The key and the identifiers; nothing else reads it."""
        return self.root / "vault"

    @property
    def scratch(self) -> Path:
        """Short-lived copies that still hold identifiers; swept at every start."""
        return self.vault / "tmp"

    @property
    def releases(self) -> Path:
        """Finished DuckDB files, one folder a run."""
        return self.root / "releases"

    @property
    def published(self) -> Path:
        """The link analysts open."""
        return self.root / "published" / "analytics.duckdb"

    @property
    def reports(self) -> Path:
        """HTML pages."""
        return self.root / "reports"

    @property
    def ledger(self) -> Path:
        """SQLite file of runs and files."""
        return self.root / "ledger.sqlite"

    @property
    def writer_lock(self) -> Path:
        """Empty file that whoever writes keeps locked, see `pipeline.storage.writer_lock`."""
        return self.root / "ledger.lock"

    @property
    def instruments(self) -> Path:
        """Instrument definitions a clinic may extend."""
        return self.config / "instruments"

    def work(self, run_id: str) -> Path:
        """Folder of one run's intermediate files."""
        return self.root / "work" / run_id

    @property
    def building(self) -> Path:
        """DuckDB file being built, before it becomes a release.

        Always the same path: dbt parses the whole project again when its profile changes.
        """
        return self.releases / ".building" / "analytics.duckdb"

    def release(self, run_id: str) -> Path:
        """DuckDB file of a finished release."""
        return self.releases / run_id / "analytics.duckdb"

    def prepare(self) -> None:
        """Create the folders; the vault is for its owner only."""
        for folder in (self.landing, self.lake, self.quarantine, self.releases, self.reports):
            folder.mkdir(parents=True, exist_ok=True)
        self.published.parent.mkdir(exist_ok=True)
        for private in (self.vault, self.scratch):
            private.mkdir(mode=0o700, exist_ok=True)
            private.chmod(0o700)
