"""A night speaks to nobody: no process of it looks up a name or connects to another machine.

Every Python process of the night, dbt's too, writes down what it tries; where this machine allows
it, the night runs without a network at all, so that nothing written in C can speak either.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

# Python imports this module at every start, before anything of ours.
LISTENER = """
import os, sys
_HERE = ("127.", "::1", "localhost", "0.0.0.0")

def _heard(event, arguments):
    if not event.startswith("socket.") or event in ("socket.__new__", "socket.bind"):
        return
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        to = arguments[1]
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        to = arguments
    else:
        return
    host = to[0] if isinstance(to, tuple) else None  # a path: a socket of this machine
    if host and not str(host).startswith(_HERE):
        line = f"{event} {to!r} in {sys.argv[:2]}\\n"
        file = os.open(os.environ["NIGHT_HEARD"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(file, line.encode())
        os.close(file)

sys.addaudithook(_heard)
"""


@pytest.fixture
def listened(tmp_path):
    """Return a function that runs a command listened to, and the file of what was heard."""
    folder, heard = tmp_path / "listener", tmp_path / "heard"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(LISTENER)
    alone = subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False)
    cut_off = ["unshare", "-n"] if alone.returncode == 0 else []

    def run(*command: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [*cut_off, *command],
            env=os.environ | {"PYTHONPATH": str(folder), "NIGHT_HEARD": str(heard)},
            capture_output=True,
            text=True,
            check=False,
        )

    return run, heard


def test_the_listener_hears_what_goes_out_and_not_what_stays(listened):
    run, heard = listened
    speak = "import socket; s = socket.socket(); s.settimeout(0.1); s.connect_ex(('{}', 9))"
    run(sys.executable, "-c", speak.format("127.0.0.1"))
    assert not heard.exists()

    run(sys.executable, "-c", speak.format("192.0.2.1"))

    assert "socket.connect ('192.0.2.1', 9)" in heard.read_text()


@pytest.mark.slow
def test_a_whole_night_makes_no_outgoing_connection(listened, tmp_path):
    run, heard = listened
    rapport = str(Path(sys.executable).with_name("rapport"))
    home = ("--home", str(tmp_path / "home"))
    assert run(rapport, "demo", *home, "--sessions", "300").returncode == 0

    ended = run(rapport, "run", *home)

    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "home" / "published" / "public.duckdb").exists()
    assert not heard.exists(), heard.read_text()
