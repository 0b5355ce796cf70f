"""Small files that are written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from mainspring.ports._disk import replacing, write_whole

pytestmark = pytest.mark.once


def test_one_takes_the_place_of_another(tmp_path: Path) -> None:
    """With the permissions that are asked for, and nothing beside it."""
    place = tmp_path / "said"
    place.write_text("before")
    write_whole(place, "after", mode=0o600)
    assert (place.read_text(), place.stat().st_mode & 0o777) == ("after", 0o600)
    assert list(tmp_path.iterdir()) == [place]


def test_what_fails_leaves_the_one_before(tmp_path: Path) -> None:
    """Whatever was written by then; the draft is gone."""
    place = tmp_path / "said"
    place.write_text("before")
    with pytest.raises(RuntimeError), replacing(place) as file:
        file.write("half")
        raise RuntimeError
    assert place.read_text() == "before"
    assert list(tmp_path.iterdir()) == [place]
