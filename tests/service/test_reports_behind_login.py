"""Airflow's plugin: reports for those who are logged in, and nothing beside the reports."""

from __future__ import annotations

import os

import pytest

from pipeline.home import REPOSITORY


@pytest.fixture(scope="module")
def plugin(airflow_home):
    """The plugin as Airflow loads it, from a file of its plugins folder."""
    import importlib.util

    file = REPOSITORY / "plugins" / "rapport_reports.py"
    spec = importlib.util.spec_from_file_location("rapport_reports", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def client(plugin, home, monkeypatch):
    """A browser without login."""
    from airflow.api_fastapi.app import create_auth_manager
    from fastapi.testclient import TestClient

    from pipeline.orchestration.run_locally import prepare_metadata

    prepare_metadata()  # Airflow looks up whether a token was revoked
    monkeypatch.setenv("RAPPORT_HOME", str(home.root))
    (home.reports / "index.html").write_text("the index", encoding="utf-8")
    (home.reports / ".hidden.html").write_text("hidden", encoding="utf-8")
    (home.root / "secret.html").write_text("secret", encoding="utf-8")
    os.symlink(home.root / "secret.html", home.reports / "link.html")
    (home.reports / "data_docs-run").mkdir()
    (home.reports / "data_docs-run" / "index.html").write_text("the suites", encoding="utf-8")
    os.symlink("data_docs-run", home.reports / "data_docs")
    create_auth_manager()
    return TestClient(plugin.app, raise_server_exceptions=False)


@pytest.fixture
def logged_in(client):
    """The same browser with a token of Airflow's own auth manager."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    user = SimpleAuthManagerUser(username="qa", role="viewer")
    token = get_auth_manager().generate_jwt(user)
    client.headers["Authorization"] = f"Bearer {token}"
    return client


@pytest.mark.parametrize("token", [None, "Bearer made-up"])
def test_nobody_reads_without_login(client, token):
    if token:
        client.headers["Authorization"] = token
    answer = client.get("/reports/index.html")

    assert answer.status_code in (401, 403)
    assert "the index" not in answer.text


def test_a_login_reads(logged_in):
    answer = logged_in.get("/reports/index.html")

    assert (answer.status_code, answer.text) == (200, "the index")


def test_the_link_to_great_expectations_pages_of_the_last_run_is_followed(logged_in):
    answer = logged_in.get("/reports/data_docs/index.html")

    assert (answer.status_code, answer.text) == (200, "the suites")


@pytest.mark.parametrize(
    "path",
    ["..%2fsecret.html", "%2e%2e/secret.html", "link.html", ".hidden.html", "absent.html", "%00"],
)
def test_nothing_beside_the_reports_is_served(logged_in, path):
    answer = logged_in.get(f"/reports/{path}")

    assert answer.status_code == 404
    assert "secret" not in answer.text


def test_the_navigation_leads_to_the_reports(plugin):
    view = plugin.RapportReports.external_views[0]
    served = plugin.RapportReports.fastapi_apps[0]

    assert view["destination"] == "nav"
    assert view["href"] == f"{served['url_prefix']}/reports/index.html"
