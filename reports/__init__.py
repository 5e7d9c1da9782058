"""PAGES: static HTML made from the published tables."""
