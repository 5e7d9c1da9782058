"""WHETHER: the rule catalogue, Great Expectations suites, the gate."""
