"""Where everything lives on disk: the one place that builds a path."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pipeline

# The rooms of code: the root of a checkout, or where a wheel was installed.
CODE = Path(pipeline.__file__).resolve().parents[1]
# What is not code (config/, dags/, plugins/, the dbt project): the same root, or the folder that
# setup.py put into the wheel.
# Whoever delivers sets the rights of landing/; what is published lies in the other two.
LEFT_OPEN = ("landing", "published", "releases", "vault")
REPOSITORY = CODE if (CODE / "dbt_project.yml").is_file() else CODE / "rapport_project"


def keep_private() -> None:
    """Let whatever this process and its children create be readable by their owner only."""
    os.umask(0o077)


@dataclass(frozen=True)
class Home:
    """The folders of one installation.

    ``root`` is RAPPORT_HOME (default ``./data``). ``config`` is RAPPORT_CONFIG, else ``./config``
    where that holds a rule catalogue or clinics, else what Rapport came with.
    """

    root: Path
    config: Path = REPOSITORY / "config"

    @classmethod
    def from_environment(cls) -> Home:
        """Read RAPPORT_HOME and RAPPORT_CONFIG."""
        return cls(
            Path(os.environ.get("RAPPORT_HOME", "data")).resolve(),
            Path(os.environ.get("RAPPORT_CONFIG") or _config_here()).resolve(),
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
    def public(self) -> Path:
        """The link outsiders open: aggregates under disclosure control."""
        return self.published.with_name("public.duckdb")

    @property
    def reports(self) -> Path:
        """HTML pages."""
        return self.root / "reports"

    @property
    def answers(self) -> Path:
        """Registered answers: query, hash and release of figures that went out; no row."""
        return self.root / "answers"

    @property
    def ledger(self) -> Path:
        """SQLite file of runs and files."""
        return self.root / "ledger.sqlite"

    @property
    def writer_lock(self) -> Path:
        """Empty file that whoever writes keeps locked, see `pipeline.storage.writer_lock`."""
        return self.root / "ledger.lock"

    @property
    def half_restored(self) -> Path:
        """Names the back-up that is being put here; gone when all of it lies here."""
        return self.root / ".restoring"

    @property
    def notifications(self) -> Path:
        """What people were told, one line of JSON each: counts only."""
        return self.root / "notifications.jsonl"

    @property
    def key_fingerprint(self) -> Path:
        """By what the vault's key is known again; the key cannot be got back from it."""
        return self.root / "key.fingerprint"

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

    @property
    def building_public(self) -> Path:
        """The file for outsiders, made from the one being built."""
        return self.building.with_name("public.duckdb")

    def release(self, run_id: str) -> Path:
        """DuckDB file of a finished release."""
        return self.releases / run_id / "analytics.duckdb"

    def prepare(self) -> None:
        """Create the folders: for their owner only, but that a group may reach what is published.

        What lies open from before is closed. Not the vault: `check_vault` refuses that.
        """
        folders = (self.landing, self.vault, self.lake, self.quarantine, self.reports)
        for folder in (*folders, self.scratch, self.releases, self.published.parent):
            if not folder.exists():
                folder.mkdir(parents=True)
                folder.chmod(0o700)
        for path in self.root.iterdir():
            if path.name not in LEFT_OPEN and not path.is_symlink() and path.stat().st_mode & 0o077:
                for each in (path, *path.rglob("*")):
                    if not each.is_symlink():
                        each.chmod(each.stat().st_mode & 0o700)
        self.root.chmod(self.root.stat().st_mode & 0o777 | 0o710)
        for folder in (self.releases, self.published.parent):
            folder.chmod(0o750)


def copy_config(target: Path) -> int:
    """Copy the configuration Rapport came with; return how many files.

    A file that is there stays. The comparison tables (``config/*.csv``) belong to the release and
    are always read from it, so they are not copied.
    """
    source = REPOSITORY / "config"
    n_copied = 0
    for path in sorted(source.rglob("*.*")):
        place = target / path.relative_to(source)
        is_release_table = path.parent == source and path.suffix == ".csv"
        if path.is_file() and not is_release_table and not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, place)
            n_copied += 1
    return n_copied


def _config_here() -> Path:
    here = Path("config")
    is_ours = (here / "rules.yml").is_file() or (here / "clinics").is_dir()
    return here if is_ours else REPOSITORY / "config"
