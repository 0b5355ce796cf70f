"""Looks a project over, says what is wrong and what to do, and repairs what is safe to repair."""
