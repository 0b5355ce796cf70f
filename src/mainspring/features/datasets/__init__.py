"""Training datasets: a view's join, stored once, pinned and split, and what in them looks like a leak."""
