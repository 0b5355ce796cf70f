"""Moves of a project: its records to another database, its home to another folder."""
