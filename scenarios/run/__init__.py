"""Runs a scenario: what its clients say, on which Tap, and whether what had to happen has happened."""
