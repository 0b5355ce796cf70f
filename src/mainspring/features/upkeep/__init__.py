"""Keeping a group's files few: compaction and vacuum, one maintenance of a table at a time."""
