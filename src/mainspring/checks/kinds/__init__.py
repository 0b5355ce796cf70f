"""The kinds of expectations, a family a file: each constructor stands beside its rule."""
