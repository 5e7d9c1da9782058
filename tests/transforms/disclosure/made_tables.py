"""Exact aggregate tables of made-up networks, as the marts count them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from transforms.disclosure.structure import Structure, Table, read_structure

ROOT = Path(__file__).resolve().parents[3]
CHANGE, FUNNEL = "common_factors.cf_outcome_change", "core.fct_metric_funnel"
ALLIANCE = "common_factors.cf_alliance_outcome"
LINES = (
    "treatment not ended",
    "ended before the period",
    "fewer than two attended sessions",
    "not measured twice",
    "no cut-off or reliable change",
    "not a case at the start",
    "no success",
    "success",
)
CLASSES = ("reliably_improved", "unchanged", "reliably_deteriorated")


@dataclass(frozen=True)
class Client:
    """One client with one course."""

    clinic: str
    therapist: str
    line: str = "success"
    change: str | None = "unchanged"  # None: not scored twice
    is_case: bool = True
    is_recovered: bool = False
    improvement: float = 0.0


@dataclass(frozen=True)
class Network:
    """Clinics with their group and their clients."""

    groups: dict[str, str]
    clients: tuple[Client, ...]

    def scopes(self) -> list[tuple[str, str, list[Client]]]:
        """Return every scope with its clients."""
        found = [("overall", "all", [*self.clients])]
        for group in sorted({*self.groups.values()}):
            own = [c for c in self.clients if self.groups[c.clinic] == group]
            found.append(("group", group, own))
        for clinic in sorted(self.groups):
            found.append(("clinic", clinic, [c for c in self.clients if c.clinic == clinic]))
        return found


@cache
def structure() -> Structure:
    """The structure Rapport comes with."""
    return read_structure((ROOT / "config" / "disclosure.yml").read_text(encoding="utf-8"))


def network(sizes: dict[str, int], seed: int, groups: dict[str, str] | None = None, n_each=12):
    """Return a network of clinics of these sizes; a therapist has ``n_each`` clients."""
    dice = random.Random(seed)
    clients = []
    for clinic, size in sizes.items():
        for n in range(size):
            change = dice.choices([*CLASSES, None], [5, 4, 1, 1])[0]
            is_case = dice.random() < 0.8
            clients.append(
                Client(
                    *(clinic, f"{clinic}-{n // n_each}"),
                    line=dice.choices(LINES, [3, 9, 1, 1, 0, 2, 9, 5])[0],
                    change=change,
                    is_case=is_case,
                    is_recovered=is_case and change == CLASSES[0] and dice.random() < 0.6,
                    improvement=dice.gauss(4, 6),
                )
            )
    return Network(groups or dict.fromkeys(sizes, "all of them"), tuple(clients))


def tables_of(made: Network) -> dict[str, list[dict]]:
    """Return the exact rows of three public tables."""
    return {CHANGE: _change(made), FUNNEL: _funnel(made), ALLIANCE: _alliance(made)}


def _row(table: str, **values) -> dict:
    declared: Table = structure().tables[table]
    return dict.fromkeys(declared.roles) | values


def _change(made: Network) -> list[dict]:
    rows = []
    for level, scope, clients in made.scopes():
        scored = [c for c in clients if c.change]
        cases = [c for c in scored if c.is_case]
        counted = {name: ([c for c in scored if c.change == name], scored) for name in CLASSES}
        counted["recovered"] = ([c for c in cases if c.is_recovered], cases)
        for metric, (events, of) in counted.items():
            share = len(events) / len(of) if of else None
            n = {"n_events": len(events), "n_episodes": len(of)}
            rows.append(
                _row(
                    CHANGE,
                    scope_level=level,
                    scope_id=scope,
                    metric=metric,
                    method="jt",
                    instrument_id="phq9",
                    version="standard",
                    denominator="two scores",
                    **n,
                    n_excluded=len(clients) - len(of),
                    estimate=share,
                    ci_low=share,
                    ci_high=share,
                    ci_level=0.95,
                    exclusion_reasons=f"not scored twice: {len(clients) - len(of)}",
                    precision_label="reportable",
                )
            )
    return rows


def _funnel(made: Network) -> list[dict]:
    rows = []
    for level, scope, clients in made.scopes():
        n = {line: sum(c.line == line for c in clients) for line in LINES}
        n["included"] = n["no success"] + n["success"]
        n["in period"] = sum(n[line] for line in (*LINES[2:6], "included"))
        n["treated"] = n["in period"] + n[LINES[0]] + n[LINES[1]]
        for line, count in n.items():
            rows.append(
                _row(
                    FUNNEL,
                    scope_level=level,
                    scope_id=scope,
                    metric="jt_recovery",
                    line=line,
                    kind="stage",
                    n_episodes=count,
                )
            )
    return rows


def _alliance(made: Network) -> list[dict]:
    rows = []
    for level, scope, clients in made.scopes():
        used = [c for c in clients if c.change]
        if used:
            mean = sum(c.improvement for c in used) / len(used)
            rows.append(
                _row(
                    ALLIANCE,
                    scope_level=level,
                    scope_id=scope,
                    alliance_rater="client",
                    alliance_instrument_id="wai_sr",
                    outcome_instrument_id="phq9",
                    n_clients=len(used),
                    n_episodes=len(used),
                    n_excluded=len(clients) - len(used),
                    n_therapists=len({c.therapist for c in used}),
                    estimate=mean,
                    ci_low=mean - 1,
                    ci_high=mean + 1,
                    precision_label="reportable",
                )
            )
    return rows
