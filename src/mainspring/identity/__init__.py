"""Whose each store of a project is, and where its home lies: what tells a store that was swapped, and a home's copy."""
