"""The point-in-time join: for each question, a key and a moment, what could have been known by then.

`key_numbers` makes keys comparable, `nearest` says which row answers, `point_in_time` does it for the sides of a view,
and `joined` is what users hold: places of rows, whose values `take` reads when they are asked for. A side larger than
memory goes through `buckets` and `spill`.
"""
