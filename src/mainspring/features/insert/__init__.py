"""Rows come into a group: refused at the door, or one commit.

`frames`, `files` and `sql` read rows as people have them and `origin` says where they were from; `staging` draws the
commit's ticket, `rejects` is what the group's policy makes of failing rows, `publish` makes it visible, and `api` does
all that in order.
"""
