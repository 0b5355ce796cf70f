"""Artifacts of runs: what they may be called, where they are kept, and how they come and go."""
