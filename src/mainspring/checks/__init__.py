"""Checks: expectations, profiles and drift as pure functions over frames."""
