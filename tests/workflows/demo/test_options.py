"""What can be asked of the demo."""

from __future__ import annotations

import pytest

from mainspring.errors import InputError
from mainspring.workflows.demo.options import Options


def test_the_whole_year_is_lived_by_default() -> None:
    """April to December, at least a hundred requests a day, over HTTP."""
    options = Options()
    assert list(options.live_months) == [4, 5, 6, 7, 8, 9, 10, 11, 12]
    assert options.requests_per_day >= 100
    assert options.over_http


@pytest.mark.parametrize(
    "wrong",
    [
        {"until_month": 3},
        {"until_month": 13},
        {"requests_per_day": 0},
        {"days_per_month": 0},
        {"last_days": 0},
    ],
)
def test_what_cannot_be_lived_is_refused(wrong: dict[str, int]) -> None:
    """Months that are learnt from, and days without requests."""
    with pytest.raises(InputError):
        Options(**wrong)  # type: ignore[arg-type]
