"""What was planted comes back in the published tables, over several seeds, through whole nights."""

from __future__ import annotations

import json

import duckdb
import pytest

from demo import generate
from pipeline import night as steps
from pipeline.home import Home

SEEDS = (11, 12, 13, 14, 15, 16)
SESSIONS = 24_000
# 95 % intervals; with about 80 of them, fewer than 85 % holding the truth is beyond chance
# (binomial tail below 0.001), and the product would be wrong.
LEAST_COVERAGE = 0.85


@pytest.fixture(scope="module")
def intervals(tmp_path_factory):
    """One (name, expected, estimate, low, high) per planted effect, clinic and seed."""
    found = []
    for seed in SEEDS:
        home = Home(tmp_path_factory.mktemp(f"seed{seed}"))
        home.prepare()
        generate(home.landing, home.root / "demo", n_sessions=SESSIONS, seed=seed)
        truth = json.loads((home.root / "demo" / "truth.json").read_text(encoding="utf-8"))
        _run(home)
        with duckdb.connect(str(home.published.resolve()), read_only=True) as con:
            found += [
                row for clinic in truth["clinics"].values() for row in _published(con, clinic, seed)
            ]
    return found


@pytest.mark.slow
def test_planted_effects_lie_within_their_published_intervals(intervals):
    shown = [row for row in intervals if row["estimate"] is not None]
    missed = [row for row in shown if not row["low"] <= row["expected"] <= row["high"]]

    print(f"\n{len(shown) - len(missed)} of {len(shown)} planted effects within their intervals")
    for row in missed:
        print("outside:", row)
    assert len(shown) >= 60
    assert len(missed) / len(shown) <= 1 - LEAST_COVERAGE


@pytest.mark.slow
def test_estimates_are_not_off_to_one_side(intervals):
    """Misses scatter; an estimator with a bias misses on one side again and again."""
    names = {row["name"] for row in intervals}
    for name in sorted(names):
        rows = [row for row in intervals if row["name"] == name and row["estimate"] is not None]
        below = sum(row["high"] < row["expected"] for row in rows)
        above = sum(row["low"] > row["expected"] for row in rows)

        assert max(below, above) <= max(1, len(rows) // 3), name


def _run(home: Home) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAPPORT_HOME", str(home.root))
        patch.delenv("RAPPORT_KEY", raising=False)
        run = steps.open_run()
        for clinic in run["clinics"]:
            steps.intake(run["run_id"], clinic)
        for name in ("judge", "accept", "build", "audit", "report", "publish", "close_run"):
            steps.step(name, run)


def _published(con: duckdb.DuckDBPyConnection, clinic: dict, seed: int) -> list[dict]:
    rows = []
    for effect in clinic["effects"]:
        shown = effect.get("published")
        if not shown:
            continue
        where = " and ".join(f"{column} = ?" for column in shown["where"])
        found = con.execute(
            f"select {shown['column']}, ci_low, ci_high from {shown['table']} where {where}",
            [*shown["where"].values()],
        ).fetchall()
        assert len(found) == 1, effect["name"]
        estimate, low, high = found[0]
        rows.append(
            {
                "name": effect["name"],
                "seed": seed,
                "expected": shown["expected"],
                "estimate": estimate,
                "low": low,
                "high": high,
            }
        )
    return rows
