"""Scenarios: what a virtual Tap and its clients do over time, written down as YAML and played."""
