"""The next version of a group: the call that makes it, and its back-fill from the commits of the one before."""
