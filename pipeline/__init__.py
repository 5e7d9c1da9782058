"""STEPS: everything that touches disk, clock or network."""
