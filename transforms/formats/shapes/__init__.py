"""Tables that are turned: a row per client and wave, or a row per answer."""
