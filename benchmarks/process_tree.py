"""Wall time and peak memory of a command with everything it starts."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

EVERY_SECONDS = 0.05
# Reading a process's proportional share walks its page table; at every sample that would slow
# down what is measured.
PROPORTIONAL_EVERY = 5
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Measured:
    """What a command took.

    ``peak_bytes`` is the largest sum over the process tree of memory that is not shared; where
    the system tells proportional shares (PSS), the larger of the two. ``peak_rss_bytes`` counts
    shared pages once per process and is the upper bound.
    """

    seconds: float
    peak_bytes: int
    peak_rss_bytes: int
    returncode: int


def run_measured(
    command: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    on_sample: Callable[[float, int], None] | None = None,
) -> Measured:
    """Run ``command``, its output to ``log``, and sample the whole process tree.

    ``on_sample`` is called with the seconds so far and the peak so far.
    """
    with log.open("wb") as output:
        started = time.perf_counter()
        child = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=environment,
            cwd=cwd,
        )
        peaks = _Peaks(child.pid)
        ended = threading.Event()
        sampler = threading.Thread(target=peaks.sample_until, args=(ended, started, on_sample))
        sampler.start()
        try:
            returncode = child.wait()
            seconds = time.perf_counter() - started
        finally:
            ended.set()
            sampler.join()
            if child.poll() is None:
                child.kill()
    return Measured(seconds, peaks.peak, peaks.peak_rss, returncode)


class _Peaks:
    def __init__(self, pid: int) -> None:
        self.root = psutil.Process(pid)
        self.peak = 0
        self.peak_rss = 0

    def sample_until(
        self,
        ended: threading.Event,
        started: float,
        on_sample: Callable[[float, int], None] | None,
    ) -> None:
        n_samples = 0
        while not ended.wait(EVERY_SECONDS):
            self._sample(with_shares=n_samples % PROPORTIONAL_EVERY == 0)
            n_samples += 1
            if on_sample:
                on_sample(time.perf_counter() - started, self.peak)

    def _sample(self, *, with_shares: bool) -> None:
        try:
            pids = [self.root.pid, *(child.pid for child in self.root.children(recursive=True))]
        except psutil.NoSuchProcess:
            return
        unshared = resident = proportional = 0
        for pid in pids:
            own, whole = _statm(pid)
            unshared += own
            resident += whole
            if with_shares:
                proportional += _proportional(pid)
        self.peak = max(self.peak, unshared, proportional)
        self.peak_rss = max(self.peak_rss, resident)


def _statm(pid: int) -> tuple[int, int]:
    """Return the unshared and the resident bytes of a process, zeros when it has ended."""
    try:
        _, resident, shared, *_ = Path(f"/proc/{pid}/statm").read_text().split()
    except (OSError, ValueError):
        return 0, 0
    return (int(resident) - int(shared)) * PAGE, int(resident) * PAGE


def _proportional(pid: int) -> int:
    """Return resident bytes with each shared page divided by those who share it."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
