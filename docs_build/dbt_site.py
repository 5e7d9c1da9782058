"""dbt's own documentation as one file that opens without a network.

``python -m docs_build.dbt_site`` writes ``reports/dbt-docs.html`` of RAPPORT_HOME (default ./data):
tables, columns, tests and lineage. It takes column types from a copy of the published release;
the release itself is not opened for writing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from pipeline.home import REPOSITORY, Home
from pipeline.steps.build import environment


def write_site(home: Home) -> Path:
    """Write the page and return its path.

    Raises SystemExit with what dbt said when it could not.
    """
    if not home.published.exists():
        raise SystemExit("Nothing is published yet. Run `rapport run` first.")
    with tempfile.TemporaryDirectory(dir=home.scratch if home.scratch.is_dir() else None) as folder:
        copy = Path(folder) / "analytics.duckdb"
        shutil.copyfile(home.published.resolve(), copy)
        target = Path(folder) / "target"
        done = subprocess.run(
            [
                *(str(Path(sys.executable).with_name("dbt")), "--no-use-colors"),
                *("--log-level-file", "none", "docs", "generate", "--static"),
                *("--project-dir", str(REPOSITORY), "--profiles-dir", str(REPOSITORY)),
                *("--target-path", str(target), "--log-path", folder),
            ],
            env=os.environ | environment(home, copy),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"dbt could not write its documentation:\n{done.stdout[-2000:]}")
        text = (target / "static_index.html").read_text(encoding="utf-8")
    page = home.reports / "dbt-docs.html"
    # dbt names the folders it ran in; a page that is passed on needs none of them.
    for place in (folder, str(REPOSITORY), str(home.root)):
        text = text.replace(place, "…")
    page.write_text(text, encoding="utf-8")
    return page


if __name__ == "__main__":
    sys.stdout.write(f"{write_site(Home.from_environment())}\n")
