"""Airflow plugin: lets Airflow know the timetable of the DAG `nightly`."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from pipeline.orchestration.nights import NightsFromNowOn


class RapportNights(AirflowPlugin):
    """Registers the timetable."""

    name = "rapport_nights"
    timetables = [NightsFromNowOn]  # noqa: RUF012
