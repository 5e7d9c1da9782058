"""Somebody is told: over a real SMTP server and a real web server on loopback, and a file."""

from __future__ import annotations

import json
import socketserver
import threading
from datetime import datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from pipeline import night
from pipeline.home import REPOSITORY, Home
from pipeline.steps import notify
from pipeline.storage.ledger import Ledger
from pipeline.storage.notify_settings import load_notify, notify_schema
from pipeline.storage.remarks import read_remarks
from tests.pipeline.smtp_server import Smtp
from transforms.errors import BuildError, ConfigError, NothingToDoError

SCHEMA = REPOSITORY / "config" / "schema" / "notify.schema.json"

AT, RUN = datetime(2026, 1, 2, 2), "2026-01-02T02-00-00Z"
SECRET_NAME = "Smith-10423.csv"


class Web(BaseHTTPRequestHandler):
    """Keeps what is posted; the path says with which status it answers."""

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append(json.loads(content))
        self.send_response(int(self.path.strip("/")))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def serve():
    """Start a server of a kind on loopback; it keeps what it received."""
    running = []

    def start(kind, handler):
        server = kind(("127.0.0.1", 0), handler)
        server.received = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        running.append(server)
        return server

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


@pytest.fixture
def place(tmp_path, monkeypatch) -> Home:
    (tmp_path / "config" / "clinics").mkdir(parents=True)
    home = Home(tmp_path / "home", tmp_path / "config")
    home.root.mkdir()
    home.prepare()
    monkeypatch.setenv("RAPPORT_HOME", str(home.root))
    monkeypatch.setenv("RAPPORT_CONFIG", str(home.config))
    for name in ("RAPPORT_WEBHOOK_URL", "RAPPORT_SMTP_PASSWORD", "AIRFLOW__API__BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    ledger = Ledger(home)
    ledger.open_run(RUN, AT, "f")
    for number, status in enumerate(("accepted", "refused")):
        row = {"clinic_id": "fjord", "file_id": f"f{number}", "sha256": "s", "size_bytes": 1}
        row |= {"source_file": SECRET_NAME, "received_at": AT, "run_id": RUN, "status": status}
        table = {"clinic_id": "fjord", "file_id": f"f{number}", "table_name": "responses"}
        table |= {"n_received": 7, "n_accepted": 4, "n_duplicate": 2, "n_quarantined": 1}
        tables = [table | {"n_erased": 0}] if status == "accepted" else []
        ledger.record_files([(row | {"reason": None, "fingerprint": "f"}, tables)])
    return home


def channels(home: Home, **settings) -> None:
    (home.config / "notify.yml").write_text(json.dumps(settings), "utf-8")


def ended(home: Home, status: str, n_fallen_out: int = 0) -> list[notify.Notice]:
    Ledger(home).close_run(RUN, AT, status)
    return notify.of_run(home, Ledger(home), RUN, n_fallen_out)


def lines(home: Home) -> list[dict]:
    return [json.loads(line) for line in home.notifications.read_text("utf-8").splitlines()]


def test_an_e_mail_says_how_many_and_names_no_file(place, serve):
    server = serve(socketserver.ThreadingTCPServer, Smtp)
    channels(place, email={
        "to": ["a@example.org", "b@example.org"], "host": "127.0.0.1",
        "port": server.server_address[1], "kinds": ["success"],
    })  # fmt: skip

    assert notify.tell(place, ended(place, "published")) == []

    (message,) = server.received
    text = message.get_content()
    assert message["To"] == "a@example.org, b@example.org"
    assert message["Subject"] == "Rapport: success"
    assert f"Run {RUN} is published." in text
    for said in ("files accepted: 1", "files refused: 1", "rows received: 7", "rows accepted: 4"):
        assert said in text
    assert SECRET_NAME not in str(message)
    assert SECRET_NAME not in place.notifications.read_text("utf-8")


def test_a_webhook_gets_the_counts_as_json(place, serve):
    server = serve(HTTPServer, Web)
    url = f"http://127.0.0.1:{server.server_address[1]}/200"
    channels(place, webhook={"url": url, "kinds": ["failure"]})

    assert notify.tell(place, ended(place, "failed")) == []

    (posted,) = server.received
    (notice,) = posted["notices"]
    assert (notice["kind"], notice["run"], notice["clinic"]) == ("failure", RUN, None)
    assert notice["counts"]["rows_quarantined"] == 1
    assert notice["counts"]["files_refused"] == 1
    assert posted["text"].startswith(f"Run {RUN} was not published (failed)")
    assert lines(place) == [notice]


@pytest.mark.parametrize(
    ("status", "fallen_out", "kind"),
    [
        ("published", 0, "success"),
        ("published", 1, "failure"),
        ("waiting", 0, "approval"),
        ("failed", 0, "failure"),
        ("rejected", 0, "failure"),
    ],
)
def test_each_end_of_a_run_has_its_kind(place, status, fallen_out, kind):
    assert [notice.kind for notice in ended(place, status, fallen_out)] == [kind]


def test_a_channel_hears_only_what_it_is_for_and_nothing_twice(place, serve):
    server = serve(HTTPServer, Web)
    channels(place, webhook={"url": f"http://127.0.0.1:{server.server_address[1]}/200"})

    notify.tell(place, ended(place, "published"))
    assert server.received == []
    for _ in range(2):
        notify.tell(place, ended(place, "failed"))
    assert len(server.received) == 1
    assert [line["kind"] for line in lines(place)] == ["success", "failure"]


@pytest.mark.parametrize(("rows", "n_notices"), [(7, 0), (8, 1)])
def test_too_few_rows(place, rows, n_notices):
    yaml = f"clinic: fjord\nexpects: {{days: [mon], rows: {rows}}}\n"
    (place.config / "clinics" / "fjord.yml").write_text(yaml, "utf-8")

    found = [one for one in ended(place, "published") if one.kind == "few_rows"]
    assert len(found) == n_notices
    assert [one.counts for one in found] == [{"received": 7}] * n_notices


def test_a_late_delivery_is_told_once_by_whoever_looks_first(place, monkeypatch):
    yaml = 'clinic: fjord\nexpects: {days: [mon, tue, wed, thu, fri, sat, sun], by: "00:00"}\n'
    (place.config / "clinics" / "fjord.yml").write_text(yaml, "utf-8")
    monkeypatch.setattr(night, "_now", lambda: datetime(2026, 1, 5, 3))

    assert (night.watch(), night.watch()) == (1, 1)

    (line,) = lines(place)
    assert (line["kind"], line["clinic"], line["counts"]) == ("late", "fjord", {"hours": 3})
    assert "due 2026-01-05 00:00 UTC is late by 3 hours" in line["text"]


@pytest.mark.parametrize("broken", ["refuses", "says 500", "no yaml"])
def test_a_channel_that_fails_stops_nothing_and_is_counted(place, serve, broken):
    server = serve(HTTPServer, Web)
    port = server.server_address[1]
    if broken == "no yaml":
        (place.config / "notify.yml").write_text("webhoook: 1", "utf-8")
    elif broken == "refuses":
        channels(place, email={"to": ["a@example.org"], "host": "127.0.0.1", "port": 1})
    else:
        channels(place, webhook={"url": f"http://127.0.0.1:{port}/500?secret"})
    place.work(RUN).mkdir(parents=True)
    (place.work(RUN) / "deliveries.json").write_text("[]", "utf-8")

    with pytest.raises(BuildError, match="not published"):
        night.close_run(RUN)

    (remark,) = read_remarks(place, RUN)
    assert remark.where == "config/notify.yml"
    assert "1 notice" in remark.what
    assert "secret" not in remark.what
    assert "1 notice" in (place.work(RUN) / "summary.txt").read_text("utf-8")
    assert "1 notice" in (place.reports / "index.html").read_text("utf-8")
    assert [line["kind"] for line in lines(place)] == ["failure"]


def test_a_night_that_cannot_begin_is_told(place):
    with pytest.raises(NothingToDoError):
        night.step("close_run", None)

    (line,) = lines(place)
    assert (line["kind"], line["run"]) == ("failure", None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"email": {"to": ["a@b"]}},
        {"email": {"to": ["a@b"], "host": "h", "connection": "c"}},
        {"email": {"to": [], "host": "h"}},
        {"webhook": {"url": "x", "kinds": ["everything"]}},
    ],
)
def test_a_wrong_setting_is_refused_without_its_value(place, wrong):
    channels(place, **wrong)

    with pytest.raises(ConfigError, match=r"config/notify.yml: (email|webhook)"):
        load_notify(place)


def test_the_schema_is_the_one_of_the_code_and_accepts_the_example():
    assert SCHEMA.read_text("utf-8") == notify_schema(), "write notify_schema() to SCHEMA"
    text = (REPOSITORY / "config" / "notify.yml").read_text("utf-8")
    keys = text[text.index("# email:") :].replace("\n# ", "\n").removeprefix("# ")
    content = YAML(typ="safe").load(keys)
    assert set(content) == {"email", "webhook"}
    assert Draft202012Validator(json.loads(notify_schema())).is_valid(content)
