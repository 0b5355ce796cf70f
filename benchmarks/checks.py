"""How long do 45 expectations take on a million rows, beside one scan of the same figures and Great Expectations?"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
from scripts import make_peer

from benchmarks._harness import Bench, Sample, timed
from mainspring.checks import expect
from mainspring.checks.great_expectations import to_gx
from mainspring.checks.spec import Expectation
from mainspring.checks.suite import suite
from mainspring.checks.validate import judge, validate

N_ROWS = 1_000_000
REPEATS = 7
N_REQUESTS = 20_000
PEER = "great_expectations"
FLOATS = ("temp", "wind", "humidity", "pressure", "delay")
INTEGERS = ("hour", "seats", "year", "distance")
TEXTS = {"origin": ["JFK", "LGA", "EWR"], "carrier": ["UA", "AA", "DL", "B6", "EV", "WN"]}
LIMIT = 6.0
REJECTING = 2.575829  # one of a hundred normal values lies beyond


def run(bench: Bench) -> None:
    frame = _frame()
    rules = _expectations(LIMIT)
    assert len(rules) == 45
    title = f"{len(rules)} expectations on {N_ROWS:,} rows"
    scan = timed(lambda: _scan(frame, LIMIT), repeats=REPEATS)
    ours = timed(lambda: validate(frame, rules), repeats=REPEATS)
    bench.add("one Polars scan of the same figures", scan, "s")
    bench.add(title, ours, "s", peer="one Polars scan", peer_value=scan, target=1.3 * scan.value)
    theirs = _theirs(frame, rules)
    if theirs is None:
        print(f"Great Expectations: not run (make it: python scripts/make_peer.py {PEER})")
    else:
        bench.add(f"Great Expectations, {title}", theirs, "s")
        bench.add(f"{title}, again", ours, "s", peer="Great Expectations", peer_value=theirs)
    _rejects(bench, frame)
    _row(bench)


def _frame() -> pl.DataFrame:
    random = np.random.default_rng(7)
    columns = {
        **{name: random.normal(size=N_ROWS) for name in FLOATS},
        **{name: random.integers(0, 1_000, N_ROWS) for name in INTEGERS},
        **{name: random.choice(values, N_ROWS) for name, values in TEXTS.items()},
    }
    gaps = pl.int_range(pl.len()) % 50 == 0
    return pl.DataFrame(columns).with_columns(
        pl.when(~gaps).then(pl.col(name)).alias(name) for name in FLOATS[:3]
    )


def _expectations(limit: float) -> list[Expectation]:
    numbers = (*FLOATS, *INTEGERS)
    return [
        expect.row_count(1),
        expect.columns_in_set([*numbers, *TEXTS]),
        *(expect.not_null(name, mostly=0.9) for name in (*numbers, *TEXTS)),
        *(expect.between(name, -limit, limit) for name in FLOATS),
        *(expect.between(name, 0, 999) for name in INTEGERS),
        *(expect.in_set(name, values) for name, values in TEXTS.items()),
        *(expect.mean(name, -1, 1_000) for name in numbers),
        *(expect.minimum(name, low=-9) for name in FLOATS[:4]),
        *(expect.maximum(name, high=9) for name in FLOATS[:4]),
        expect.stdev("temp", 0.9, 1.1),
        expect.lengths("origin", 3, 3),
        expect.match_regex("carrier", "^[A-Z0-9]{2}$"),
        expect.between("temp", -limit, limit, row_condition="hour > 500"),
    ]


def _scan(frame: pl.DataFrame, limit: float) -> pl.DataFrame:
    """What somebody would write by hand who knows Polars and needs counts alone."""
    numbers = (*FLOATS, *INTEGERS)
    met = pl.col("hour") > 500
    asked = [
        pl.len().alias("n"),
        *(pl.col(name).null_count().alias(f"{name} null") for name in (*numbers, *TEXTS)),
        *(pl.col(name).is_nan().sum().alias(f"{name} nan") for name in FLOATS),
        *((~pl.col(name).is_between(-limit, limit)).sum().alias(f"{name} out") for name in FLOATS),
        *((~pl.col(name).is_between(0, 999)).sum().alias(f"{name} out") for name in INTEGERS),
        *((~pl.col(name).is_in(values)).sum().alias(f"{name} strange") for name, values in TEXTS.items()),
        *(pl.col(name).mean().alias(f"{name} mean") for name in numbers),
        *(pl.col(name).min().alias(f"{name} min") for name in FLOATS[:4]),
        *(pl.col(name).max().alias(f"{name} max") for name in FLOATS[:4]),
        pl.col("temp").std().alias("std"),
        (pl.col("origin").str.len_chars() != 3).sum().alias("lengths"),
        (~pl.col("carrier").str.contains("^[A-Z0-9]{2}$")).sum().alias("regex"),
        met.sum().alias("met"),
        (met & ~pl.col("temp").is_between(-limit, limit)).sum().alias("met out"),
    ]
    return frame.lazy().select(asked).collect()


def _theirs(frame: pl.DataFrame, rules: list[Expectation]) -> Sample | None:
    """Great Expectations on the same rows in pandas, without its import and the reading of the file."""
    if not make_peer.is_made(PEER):
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        frame.write_csv(path)
        task = {"frames": [{"csv": str(path)}], "suites": [[to_gx(rule) for rule in rules]], "repeats": 3}
        script = make_peer.ROOT / "benchmarks" / "peers" / PEER / "validate.py"
        done = subprocess.run(
            [make_peer.interpreter(PEER), script],
            input=json.dumps(task),
            capture_output=True,
            text=True,
            check=True,
        )
    return Sample.of(json.loads(done.stdout)[0]["seconds"])


def _rejects(bench: Bench, frame: pl.DataFrame) -> None:
    """One row in a hundred breaks a rule, is taken out and gets its reasons."""
    rules = _expectations(LIMIT)
    rules = [
        expect.between("delay", -REJECTING, REJECTING)
        if rule == expect.between("delay", -LIMIT, LIMIT)
        else rule
        for rule in rules
    ]

    def split() -> tuple[pl.DataFrame, pl.DataFrame]:
        judged = judge(frame, rules)
        return judged.passed(), judged.rejected()

    passed, rejected = split()
    assert passed.height + rejected.height == N_ROWS
    share = 100 * rejected.height / N_ROWS

    def by_hand() -> list[pl.DataFrame]:
        _scan(frame, LIMIT)
        breaks = ~pl.col("delay").is_between(-REJECTING, REJECTING)
        reason = pl.lit(rules[0].name).alias("_broken")
        lazy = frame.lazy()
        return pl.collect_all([lazy.filter(~breaks), lazy.filter(breaks).with_columns(reason)])

    bare = timed(by_hand, repeats=REPEATS)
    bench.add("one Polars scan, then two filters by hand", bare, "s")
    bench.add(
        f"45 expectations on {N_ROWS:,} rows, {share:.1f} % rejected with reasons",
        timed(split, repeats=REPEATS),
        "s",
        peer="scan and two filters",
        peer_value=bare,
    )


def _row(bench: Bench) -> None:
    """A request against twenty rules."""
    types = {
        **{name: pl.Float64() for name in FLOATS},
        **{name: pl.Int64() for name in INTEGERS},
        **{name: pl.String() for name in TEXTS},
    }
    rules = [
        *(expect.not_null(name) for name in ("temp", "hour", "seats", "origin", "carrier")),
        *(expect.between(name, -LIMIT, LIMIT) for name in FLOATS),
        *(expect.between(name, 0, 999) for name in INTEGERS),
        *(expect.in_set(name, values) for name, values in TEXTS.items()),
        expect.length("origin", 3),
        expect.match_regex("carrier", "^[A-Z0-9]{2}$"),
        expect.pair_greater("seats", "hour", severity="warning"),
        expect.between("temp", high=3, row_condition="origin == 'JFK'"),
    ]
    assert len(rules) == 20
    check = suite("request", rules).compile_row(types)
    row = {"temp": 0.5, "wind": 1.0, "humidity": None, "pressure": 0.1, "delay": 2.0, "hour": 9, "seats": 180}
    request = {**row, "year": 13, "distance": 700, "origin": "JFK", "carrier": "UA"}
    frame = pl.DataFrame([request], schema=types)

    def many() -> None:
        for _ in range(N_REQUESTS):
            check(request)

    found = timed(many, repeats=REPEATS)
    scale = 1e6 / N_REQUESTS
    one = Sample(found.value * scale, found.low * scale, found.high * scale, found.n)
    in_frame = timed(lambda: validate(frame, rules), repeats=30)
    as_us = Sample(in_frame.value * 1e6, in_frame.low * 1e6, in_frame.high * 1e6, in_frame.n)
    bench.add("20 rules on a frame of one row", as_us, "µs")
    bench.add(
        "20 rules on one request row", one, "µs", peer="a frame of one row", peer_value=as_us, target=20.0
    )
