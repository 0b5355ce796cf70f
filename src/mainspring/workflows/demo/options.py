"""How much of the year is lived, and how."""

from __future__ import annotations

from dataclasses import dataclass

from mainspring.errors import InputError

FIRST_LIVE_MONTH = 4
LAST_MONTH = 12


@dataclass(frozen=True)
class Options:
    """What a story is told with.

    Attributes:
        requests_per_day: flights asked about on every day, at most those that there are.
        days_per_month: days of each live month that are lived; None = all.
        until_month: the last live month, 4 to 12.
        last_days: days of that month that are lived; None = as many as of the others.
        shuffle_days_seed: live the year with its days in random order; None = as it was.
        over_http: ask a server over HTTP; False = ask in this process, which is the same code without the wire.
        connections: open connections to the server.
        serve: stay up at the end.
    """

    requests_per_day: int = 200
    days_per_month: int | None = None
    until_month: int = LAST_MONTH
    last_days: int | None = None
    shuffle_days_seed: int | None = None
    over_http: bool = True
    connections: int = 4
    serve: bool = False

    def __post_init__(self) -> None:
        if not FIRST_LIVE_MONTH <= self.until_month <= LAST_MONTH:
            raise InputError(
                expected=f"a month from {FIRST_LIVE_MONTH} to {LAST_MONTH}",
                got=str(self.until_month),
                where="demo, until_month",
                hint="January to March are learnt from; the year ends in December.",
            )
        days = [count for count in (self.days_per_month, self.last_days) if count is not None]
        if self.requests_per_day < 1 or min(days, default=1) < 1:
            raise InputError(
                expected="at least one request on at least one day",
                got=f"{self.requests_per_day} requests, {min(days, default=1)} days",
                where="demo",
                hint="Leave the options out to live the whole year.",
            )

    def days_of(self, month: int) -> int | None:
        """How many days of a live month are lived; None = all."""
        if month == self.until_month and self.last_days is not None:
            return self.last_days
        return self.days_per_month

    @property
    def live_months(self) -> range:
        """The months that are lived."""
        return range(FIRST_LIVE_MONTH, self.until_month + 1)
