"""WHEN: order, schedule, retries. Thin."""
