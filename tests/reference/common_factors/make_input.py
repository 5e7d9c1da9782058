"""Make the input of the reference values: simulated, no person. Run once; the CSVs are committed.

python tests/reference/common_factors/make_input.py
Rscript tests/reference/common_factors/answers.R   (from this folder)
"""

import csv
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


def main() -> None:
    """Write clients.csv, ratings.csv and sessions.csv."""
    rng = np.random.default_rng(20261122)
    _clients(rng)
    _ratings(rng)
    _sessions(rng)


def _write(name: str, columns: dict) -> None:
    with (HERE / name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))


def _clients(rng: np.random.Generator) -> None:
    """Write 1,500 clients in 90 therapists in 12 clinics, unequal caseloads."""
    therapist = np.sort(rng.integers(0, 90, 1500))
    clinic = therapist % 12
    pre = np.round(rng.normal(15, 4.5, 1500))
    age = rng.integers(18, 80, 1500)
    effect = rng.normal(0, 1.3, 90)[therapist] + rng.normal(0, 0.9, 12)[clinic]
    post = np.round(4 + 0.45 * pre + 0.02 * age + effect + rng.normal(0, 4, 1500), 2)
    logit = -0.3 + 0.05 * (pre - 15) + rng.normal(0, 0.55, 90)[therapist]
    improved = (rng.random(1500) < 1 / (1 + np.exp(-logit))).astype(int)
    _write(
        "clients.csv",
        {"clinic": clinic, "therapist": therapist, "pre": pre.astype(int), "age": age,
         "post": post, "improved": improved},
    )  # fmt: skip


def _ratings(rng: np.random.Generator) -> None:
    """Write 150 clients with 4 to 14 ratings each."""
    n = rng.integers(4, 15, 150)
    client = np.repeat(np.arange(150), n)
    session = np.concatenate([np.arange(1, k + 1) for k in n])
    level, slope = rng.normal(70, 9, 150), rng.normal(3, 2.5, 150)
    rating = level[client] + slope[client] * np.log(session) + rng.normal(0, 5, len(client))
    _write("ratings.csv", {"client": client, "session": session, "rating": np.round(rating, 2)})


def _sessions(rng: np.random.Generator) -> None:
    """Write sessions of 400 clients of 25 therapists: leaving depends on the last alliance."""
    rows = []
    for client in range(400):
        therapist = client % 25
        frailty = rng.normal(0, 0.3)
        for session in range(1, 13):
            within, between = rng.normal(0, 8), rng.normal(0, 2) + 10 * frailty
            chance = 0.08 * np.exp(-0.03 * within - 0.02 * between + frailty)
            draw = rng.random()
            cause = 1 if draw < chance else 2 if draw < chance + 0.05 else 0
            rows.append((client, therapist, session, cause, within, between))
            if cause or rng.random() < 0.03:
                break
    client, therapist, session, cause, within, between = (
        np.array(c) for c in zip(*rows, strict=True)
    )
    _write(
        "sessions.csv",
        {"client": client, "therapist": therapist, "session": session, "cause": cause,
         "within": np.round(within, 3), "between": np.round(between, 3)},
    )  # fmt: skip


if __name__ == "__main__":
    main()
