"""Airflow as a program: one night in one process, or the service with its pages.

Knows: Airflow's settings. Only the command line and the Makefile import it.
Must not know: what a step does.
"""
