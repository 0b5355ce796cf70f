"""Your tests. This one only shows that the project opens."""

from pathlib import Path

import mainspring as ms


def test_the_project_opens(tmp_path: Path) -> None:
    """Its configuration is right, and a fresh home can be made from it."""
    folder = Path(__file__).parents[1]
    with ms.open(folder, overrides={"home.path": str(tmp_path)}) as project:
        assert project.features.groups() == []
