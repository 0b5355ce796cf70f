"""The online side: rows in the keys store, and what a view answers of them at one moment.

`materialize` writes what became available and `pending` knows what waits; `packing` and `keycode` are how a row and its
key lie there; `request_shape`, `lookup` and `vectors` are the read, and `api` is what users hold.
"""
