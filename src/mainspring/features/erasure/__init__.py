"""Erasure of an entity: its rows leave every file of a group, the online store and what was computed from them.

A commit keeps its number, its lineage and what it was; the rows that are left are its next edition, with a digest of
their own. So it is with a training dataset. Editions are written before the bytes go: of a process that dies in between
it is known what the rows may be, and calling it again ends it.

`plan` decides what is to go, `find` looks for it, `editions`, `online` and `datasets` take it out, `copies` lists what
stays, `receipt` tells it, and `api` does all that in order.
"""
