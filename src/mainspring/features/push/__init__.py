"""Rows of streams: online at once, offline in committed batches, each event once.

`journal` is where rows are durable before they are acknowledged, `repeated` looks at events that come again, `api`
takes and commits them, `consume` polls a stream.
"""
