"""WHAT: pure functions that turn answers into numbers. No clock, no network, no orchestrator."""
