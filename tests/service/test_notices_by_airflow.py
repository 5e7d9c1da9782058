"""E-mail goes by the SMTP connection that Airflow knows, over a real server on loopback."""

from __future__ import annotations

import json
import socketserver
import threading
from datetime import datetime

from pipeline.steps import notify
from tests.pipeline.smtp_server import Smtp

NOW = datetime(2026, 1, 2, 2)


def test_airflows_connection_is_used_by_its_name(home, airflow_home, tmp_path, monkeypatch):
    monkeypatch.delenv("RAPPORT_SMTP_PASSWORD", raising=False)
    place = type(home)(home.root, tmp_path / "config")
    place.config.mkdir()
    email = {"to": ["a@example.org"], "connection": "our_mail"}
    (place.config / "notify.yml").write_text(json.dumps({"email": email}), "utf-8")
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Smtp) as server:
        server.received = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        known = {"conn_type": "smtp", "host": "127.0.0.1", "port": server.server_address[1]}
        known |= {"extra": {"disable_ssl": True, "disable_tls": True}}
        monkeypatch.setenv("AIRFLOW_CONN_OUR_MAIL", json.dumps(known))

        failed = notify.tell(place, [notify.unopened(NOW)])
        server.shutdown()

    assert failed == []
    assert [message["Subject"] for message in server.received] == ["Rapport: failure"]
