"""Airflow plugin: the reports of Rapport in Airflow's own navigation, behind Airflow's login.

Serves files of RAPPORT_HOME/reports and nothing else, only to somebody logged in.
"""

from __future__ import annotations

import os
from pathlib import Path

from airflow.api_fastapi.core_api.security import get_user
from airflow.plugins_manager import AirflowPlugin
from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import FileResponse, RedirectResponse

SUFFIXES = {".html", ".css", ".js", ".json", ".svg", ".png", ".csv", ".xlsx", ".woff2", ".txt"}

app = FastAPI(title="Rapport reports", docs_url=None, redoc_url=None, openapi_url=None)


@app.get("/", dependencies=[Depends(get_user)])
async def start() -> RedirectResponse:
    """Lead to the index over runs."""
    return RedirectResponse("reports/index.html")


@app.get("/reports/{path:path}", dependencies=[Depends(get_user)])
async def report(path: str) -> FileResponse:
    """Return one file of the reports folder; 404 for anything outside of it or hidden."""
    folder = (Path(os.environ.get("RAPPORT_HOME", "data")) / "reports").resolve()
    try:
        file = (folder / (path or "index.html")).resolve()
        is_ours = file.is_relative_to(folder) and file.is_file()
    except (OSError, ValueError):
        is_ours = False
    if not is_ours or file.suffix not in SUFFIXES or _is_hidden(file.relative_to(folder)):
        raise HTTPException(404, "No such report. Open /rapport/reports/index.html.")
    headers = {"Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff"}
    return FileResponse(file, headers=headers)


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


class RapportReports(AirflowPlugin):
    """Registers the pages and their entry in the navigation."""

    name = "rapport_reports"
    fastapi_apps = [{"app": app, "url_prefix": "/rapport", "name": "Rapport reports"}]  # noqa: RUF012
    external_views = [  # noqa: RUF012
        {
            "name": "Rapport reports",
            "href": "/rapport/reports/index.html",
            "destination": "nav",
            "category": "browse",
            "url_route": "rapport-reports",
        }
    ]
