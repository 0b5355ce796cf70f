"""What the frames of a segment hold, and of which format they may be."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.serving.test_weights import following

from mainspring.errors import IntegrityError, SchemaVersionError
from mainspring.ports.tables import open_tables
from mainspring.serving import weights
from mainspring.serving.frames import FORMAT, Context, Frame, Gap, Opening, encoder, unpack
from mainspring.serving.log import PredictionLog
from mainspring.serving.wal import SegmentWriter

INT64 = st.integers(-(2**63), 2**63 - 1)
OPENINGS = st.builds(Opening, st.integers(0, FORMAT), st.text(), st.text(), INT64)
GAPS = st.builds(Gap, st.text(), st.integers(0, 2**63 - 1), INT64, INT64, st.sampled_from(["disk", "damage"]))
NEWER = st.integers(FORMAT + 1, 2**63 - 1)
PAYLOADS = st.lists(st.binary(min_size=1, max_size=40), max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(OPENINGS, st.lists(GAPS, max_size=4))
def test_frames_of_our_format_are_read_as_written(opening: Opening, gaps: list[Gap]) -> None:
    """Ours and older ones: what was packed is what is unpacked, in its order."""
    frames: list[Frame] = [opening, *gaps, Context(following(None))]
    assert unpack([encoder.encode(frame) for frame in frames], "s") == frames


@given(NEWER, PAYLOADS, st.lists(st.integers(), max_size=2))
def test_frames_of_a_newer_format_are_refused(number: int, payloads: list[bytes], more: list[int]) -> None:
    """Whatever stands behind the first frame, and whatever that says besides: nothing of it is guessed at."""
    opening = msgspec.msgpack.encode([1, number, "d", "w", 0, *(each % 2**32 for each in more)])
    with pytest.raises(SchemaVersionError, match=f"format {number}"):
        unpack([opening, *payloads], "s")


@given(PAYLOADS)
def test_frames_of_no_format_are_damage(payloads: list[bytes]) -> None:
    """Where the first frame was lost, each of the others means something or is refused."""
    with suppress(IntegrityError):
        assert len(unpack(payloads, "s")) == len(payloads)


def test_a_newer_segment_stays_where_it_is(tmp_path: Path) -> None:
    """Publishing and reading refuse it, whole; the file is not touched."""
    weights.change(tmp_path / "d" / "weights", following)
    log = PredictionLog(tmp_path / "d", "d", open_tables(tmp_path / "tables"))
    writer = SegmentWriter(log.folder, msgspec.msgpack.encode([1, FORMAT + 1, "d", "w", 0]))
    writer.append(b"what nobody knows")
    writer.close()
    before = writer.path.read_bytes()
    for call in (log.publish, log.read):
        with pytest.raises(SchemaVersionError, match="stays where it is"):
            call()
    assert writer.path.read_bytes() == before


@given(st.integers(weights.FORMAT + 1, 2**53), st.dictionaries(st.text(max_size=12), JSON, max_size=4))
def test_a_newer_weight_table_is_refused(number: int, fields: dict[str, object]) -> None:
    """Whatever else it says, though it may look like one of ours."""
    ours = msgspec.to_builtins(following(None))
    for table in (fields, ours, {**ours, **fields}):
        data = msgspec.json.encode({**table, "format": number})
        with pytest.raises(SchemaVersionError, match=f"format {number}"):
            weights._decoded(data, Path("t.json"))


def test_a_weight_table_of_the_first_format_has_no_number(tmp_path: Path) -> None:
    """Those of 0.1.0 are read as of format 1; what is written says it."""
    table = weights.change(tmp_path, following)
    current = tmp_path / weights.CURRENT
    plain = msgspec.json.decode(current.read_bytes())
    assert plain.pop("format") == weights.FORMAT == 1
    current.write_bytes(msgspec.json.encode(plain))
    assert weights.read_table(tmp_path) == table
