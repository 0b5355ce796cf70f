"""Where rows came from: the digest is that of the bytes that were read."""

from __future__ import annotations

import hashlib
from pathlib import Path

import polars as pl
import pytest

from mainspring.errors import ConflictError
from mainspring.features.insert import frames
from mainspring.features.insert.origin import Origin, read


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "rows.csv"
    made.write_text("key,value\na,1\n")
    return made


def test_a_file_is_named_by_the_digest_of_its_bytes(path: Path) -> None:
    """Frame and origin of one and the same content."""
    frame, origin = read(path, None, "here")
    content = path.read_bytes()
    assert frame.rows() == [("a", 1)]
    assert origin == Origin("rows.csv", hashlib.sha256(content).hexdigest(), len(content))


def test_a_name_is_kept_as_it_was_given() -> None:
    """It may look like a path."""
    _, origin = read(pl.DataFrame({"key": ["a"]}), "warehouse/orders/2024", "here")
    assert origin == Origin("warehouse/orders/2024")


@pytest.mark.parametrize("when", ["before the rows are read", "after the rows are read"])
def test_a_file_that_is_written_to_meanwhile_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """Rows of one content are never recorded under the digest of another."""
    honest = frames.frame_of

    def written_to(data: object, where: str, *_: object) -> pl.DataFrame:
        frame = honest(data, where, {}) if when.startswith("after") else None
        path.write_text("key,value\na,1\nb,2\n")
        return honest(data, where, {}) if frame is None else frame

    monkeypatch.setattr(frames, "frame_of", written_to)
    with pytest.raises(ConflictError, match="changed while it was read"):
        read(path, None, "here")


def test_rows_with_a_name_that_is_no_file_keep_the_name() -> None:
    """A feed, a query: what the caller calls it."""
    frame = pl.DataFrame({"key": ["a"]})
    assert read(frame, "weather feed", "here")[1] == Origin("weather feed")
    assert read(frame, None, "here")[1] == Origin()
