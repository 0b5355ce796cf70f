"""The feature groups and the view of this project. Each module says what its rows are and when they were known."""

from . import airports, arrivals, planes, schedule, sources, times, traffic, view, weather

__all__ = ["airports", "arrivals", "planes", "schedule", "sources", "times", "traffic", "view", "weather"]
