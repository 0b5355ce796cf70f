"""Benchmarks: each file asks one question in its first line and answers it with a table."""
