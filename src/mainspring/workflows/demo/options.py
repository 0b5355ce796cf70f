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
        shuffle_days_seed: live the year with its days in random order; None = as it was.
        over_http: ask a server over HTTP; False = ask in this process, which is the same code without the wire.
        connections: open connections to the server.
        serve: stay up at the end.
    """

    requests_per_day: int = 200
    days_per_month: int | None = None
    until_month: int = LAST_MONTH
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
        if self.requests_per_day < 1 or (self.days_per_month is not None and self.days_per_month < 1):
            raise InputError(
                expected="at least one request on at least one day",
                got=f"{self.requests_per_day} requests, {self.days_per_month} days",
                where="demo",
                hint="Leave the options out to live the whole year.",
            )

    @property
    def live_months(self) -> range:
        """The months that are lived."""
        return range(FIRST_LIVE_MONTH, self.until_month + 1)
