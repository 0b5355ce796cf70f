"""Feature groups, views, point-in-time joins, training datasets and online reads."""
