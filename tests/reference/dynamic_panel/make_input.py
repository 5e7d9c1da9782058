"""Write panel.csv: 60 made-up clients of 5 to 8 sessions, from a fixed seed, feedback planted."""

from pathlib import Path

import numpy as np

draw = np.random.default_rng(20261128)
lines = ["client,session,outcome,alliance"]
for client in range(1, 61):
    level, own = draw.normal(0, 1, 2)
    y = a = 0.0
    for session in range(1, int(draw.integers(5, 9)) + 1):
        y = 0.3 * y + 0.25 * a + draw.normal()
        a = 0.3 * a + 0.4 * y + draw.normal()
        lines.append(f"{client},{session},{level + y:.2f},{own + a:.2f}")
Path(__file__).with_name("panel.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
