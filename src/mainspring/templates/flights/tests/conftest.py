"""Lets the tests import the project's own packages: `from features import …`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
