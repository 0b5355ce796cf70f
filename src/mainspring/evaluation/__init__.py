"""Evaluation: metrics, slices, comparisons and latency budgets; every check writes evidence."""
