"""Let Great Expectations judge counts, and write down what it said."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import duckdb

from pipeline.audit.dbt_tests import results_of_tests
from pipeline.audit.form_changes import write_form_changes
from pipeline.audit.table_hashes import check_repeatable
from pipeline.home import Home
from pipeline.progress import log, say
from pipeline.steps.leaving_out import stopped_by
from pipeline.steps.public_file import disclosure, write_public
from pipeline.steps.quality_tables import RULE_RESULTS
from pipeline.storage.configuration import read_registry, rules
from pipeline.storage.ledger import Ledger
from pipeline.storage.parquet import write_rows
from pipeline.storage.waiver_tables import read_waivers
from transforms.errors import BuildError
from transforms.statistics.withheld import Record

SEVERITIES = ("fatal", "quarantine", "warn", "inform")
SHOWN_IN_LOG = 20


def judge(home: Home, run_id: str, *, with_suites: bool = True) -> dict[str, int]:
    """Judge every rule × file of the run; write the results and the rejected files.

    Returns how many checks ended in which state.

    Parameters
    ----------
    with_suites : let Great Expectations' suites judge; without, the same verdicts are given by
        `expectations.verdicts` alone, in a tenth of the time, and its pages are not made
    """
    from expectations.canary import sing
    from expectations.judging.judge import judge as judge_counts

    counts = sorted((home.work(run_id) / "counts").glob("*.parquet"))
    catalogue, started_at = rules(home), Ledger(home).run(run_id)["started_at"]
    judgement = judge_counts(
        counts,
        catalogue,
        run_id=run_id,
        run_at=started_at,
        validations=_validations(home, run_id) if with_suites else None,
        with_suites=with_suites,
    )
    with tempfile.TemporaryDirectory(dir=home.work(run_id)) as cage:
        canary = sing(
            catalogue, home.lake / "registry", Path(cage), run_id, started_at, with_suites
        )
    results = _with_waivers(home, [*judgement.rule_results, canary])
    write_rows(_results_path(home, run_id), results, RULE_RESULTS)
    if canary["state"] != "pass":
        raise BuildError(
            f"judge, rule {canary['rule_id']}: {canary['message']}. Nothing was loaded, the "
            "published release is unchanged; report this as a defect."
        )
    for file, messages in write_form_changes(home, run_id, started_at).items():
        if file in judgement.rejected:
            judgement.rejected[file] += messages
    rejected = [
        {"clinic_id": clinic_id, "file_id": file_id, "reasons": list(reasons)}
        for (clinic_id, file_id), reasons in sorted(judgement.rejected.items())
    ]
    path = home.work(run_id) / "rejected.json"
    path.write_text(json.dumps(rejected, indent=1), encoding="utf-8")
    return _say_states(results)


def rejected_files(home: Home, run_id: str) -> dict[tuple[str, str], list[str]]:
    """Return the files that broke a fatal rule too often, with the reasons."""
    path = home.work(run_id) / "rejected.json"
    rows = json.loads(path.read_text(encoding="utf-8"))
    return {(row["clinic_id"], row["file_id"]): row["reasons"] for row in rows}


def audit(home: Home, run_id: str) -> dict[str, int]:
    """Write the public file, check it and the finished tables, and keep the results.

    They are added to `quality.dq_rule_results` of the finished file.

    dbt's tests, run during the build, are added too, and Great Expectations' own pages of the run
    are written. Raises BuildError when a fatal promise is broken or could not be checked: the file
    is not published.
    """
    from expectations.published.audit import broken_promises
    from expectations.published.suites import contradicting_clinics
    from expectations.published.withheld_cells import withhold_impossible

    withhold_impossible(home.building)
    write_public(home, run_id)
    results = _check_tables(home, run_id)
    _write_data_docs(home, run_id)
    path = _results_path(home, f"{run_id}-marts")
    write_rows(path, results, RULE_RESULTS)
    tests = _results_path(home, f"{run_id}-dbt")
    _append(home.building, [path, *([tests] if tests.exists() else [])])
    states = _say_states(results)
    if broken := broken_promises(results, contradicting_clinics(home.building)):
        raise stopped_by(
            broken,
            f"audit: {len(broken)} promise(s) of the marts broken",
            "The published release is unchanged; report this as a defect.",
        )
    return states


def write_test_results(home: Home, run_id: str) -> None:
    """Keep what dbt's tests said of this run, whether the build went well or not."""
    artifacts = home.root / "dbt"
    if (artifacts / "run_results.json").exists():
        results = results_of_tests(artifacts, run_id, Ledger(home).run(run_id)["started_at"])
        write_rows(_results_path(home, f"{run_id}-dbt"), results, RULE_RESULTS)


def _check_tables(home: Home, run_id: str) -> list[Record]:
    from expectations.published.audit import measure_tables, results_of
    from expectations.published.disclosure import check_public
    from expectations.published.suites import check_marts

    build, catalogue = home.building, rules(home)
    run_at = Ledger(home).run(run_id)["started_at"]
    measures = measure_tables(build, home.lake, read_registry(home), catalogue)
    measures += check_public(home.building_public, disclosure(home))
    measures.append(check_repeatable(home, run_id, build))
    results = check_marts(
        build, run_id, run_at, home.config / "rules.yml", _validations(home, run_id)
    )
    return _with_waivers(home, results + results_of(measures, catalogue, run_id, run_at))


def _validations(home: Home, run_id: str) -> Path:
    """Where the run keeps what Great Expectations said, until its pages are drawn."""
    return home.work(run_id) / "validations"


def _write_data_docs(home: Home, run_id: str) -> None:
    from expectations.judging.data_docs import write_data_docs

    run_at = Ledger(home).run(run_id)["started_at"]
    write_data_docs(_validations(home, run_id), home.reports / "data_docs", run_id, run_at)


def _with_waivers(home: Home, results: list[Record]) -> list[Record]:
    from expectations.judging.regrade import is_waived

    waivers = read_waivers(home)
    return [row | {"is_waived": is_waived(row, waivers)} for row in results]


def _append(build: Path, results: list[Path]) -> None:
    with duckdb.connect(str(build)) as con:
        con.execute(
            "insert into quality.dq_rule_results by name "
            "select * from read_parquet(?) where (run_id, rule_id) not in "
            "(select (run_id, rule_id) from quality.dq_rule_results)",
            [[str(path) for path in results]],
        )


def _results_path(home: Home, name: str) -> Path:
    return home.lake / "quality" / "rule_results" / f"{name}.parquet"


def _say_states(results: list[Record]) -> dict[str, int]:
    """Say how many checks ended in which state; a task's log also names those that fell short."""
    states = [row["state"] for row in results]
    counts = {state: states.count(state) for state in sorted(set(states))}
    shown = (f"{n:,} {state.replace('_', ' ')}" for state, n in counts.items())
    say("    checks: " + (", ".join(shown) or "none, nothing was delivered"))
    short = [row for row in results if row["state"] in ("fail", "error") and not row["is_waived"]]
    for row in sorted(short, key=_worst_first)[:SHOWN_IN_LOG]:
        log(f"    ✗ {_in_words(row)}")
    if len(short) > SHOWN_IN_LOG:
        log(f"    … and {len(short) - SHOWN_IN_LOG} more on the run's page")
    return counts


def _worst_first(row: Record) -> tuple[object, ...]:
    where = (row["clinic_id"] or "", row["source_file"] or "", row["table_name"] or "")
    return SEVERITIES.index(row["severity"]), -(row["n_failed"] or 0), row["rule_id"], *where


def _in_words(row: Record) -> str:
    where = " ".join(filter(None, (row["clinic_id"], row["source_file"], row["table_name"])))
    how_many = f"{row['n_failed']:,} of {row['n_scope']:,}" if row["n_failed"] else row["state"]
    return f"{row['rule_id']} ({row['severity']}) {row['title']}: {where}: {how_many}"
