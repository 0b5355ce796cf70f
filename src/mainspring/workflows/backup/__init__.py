"""Copies of a project that are consistent while it is in use, and projects made of them again."""
