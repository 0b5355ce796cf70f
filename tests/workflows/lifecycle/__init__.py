"""Archiving and deleting, on both databases."""
