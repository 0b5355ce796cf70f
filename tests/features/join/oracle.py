"""The point-in-time join by brute force, written from its rules alone: plain Python, row by row.

R1 to R19 are the rules as docs/concepts/point-in-time.md numbers them. For each row of the spine every row of a group
is looked at, in no clever order. Nothing of the package is used: neither its join nor its reading, times or types.
`ask` answers one question about one group; `View.join` does what a view does, from rows as people give them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Fact:
    """One row of a group as its contract sees it.

    Attributes:
        key: the entity; any None in it means that it can never match.
        event: when it was true; None in a group without event time.
        known: when it was learnt; None = not known.
        commit, ordinal: the order of writing.
        deleted: whether it says that there is no row from `event` on.
        values: the features.
    """

    key: tuple[Any, ...]
    event: int | None
    known: int | None
    commit: int
    ordinal: int
    deleted: bool
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """What one spine row gets of one group.

    Attributes:
        status: matched, missing or expired.
        fact: the row that decided, also where it is a delete or too old; None where there was none.
    """

    status: str
    fact: Fact | None

    def value(self, column: str) -> Any:
        """Of the row that decided, where it answers; None else, which is not what a null of it is (R7, R8)."""
        return self.fact.values.get(column) if self.status == "matched" and self.fact is not None else None


def ask(
    key: tuple[Any, ...],
    moment: int,
    facts: Sequence[Fact],
    *,
    delay: int = 0,
    ttl: int | None = None,
    cutoff: bool = False,
    strict: bool = False,
) -> Answer:
    """The answer to (key, moment): R2 to R9."""
    best: Fact | None = None
    for fact in facts:
        if any(part is None for part in (*key, *fact.key)):  # R9
            continue
        if not _equal(fact.key, key):  # R16: 1 is not "1", 0 is not False
            continue
        if fact.event is not None:  # R2, R4, and the strict form of R18 (b)
            usable_from = fact.event + delay
            if usable_from > moment or (strict and usable_from == moment):
                continue
        if cutoff and (fact.known is None or fact.known > moment):  # R3
            continue
        if best is None or _beats(fact, best, cutoff=cutoff):
            best = fact
    if best is None or best.deleted:
        return Answer("missing", best)
    if ttl is not None and best.event is not None and best.event < moment - ttl:  # R5
        return Answer("expired", best)
    return Answer("matched", best)


def _equal(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    return len(one) == len(other) and all(
        type(a) is type(b) and a == b for a, b in zip(one, other, strict=True)
    )


def _beats(new: Fact, old: Fact, *, cutoff: bool) -> bool:
    """R6: the later event, else learnt later, else written later."""
    if new.event != old.event:
        assert new.event is not None
        assert old.event is not None
        return new.event > old.event
    if cutoff and new.known != old.known:
        assert new.known is not None
        assert old.known is not None
        return new.known > old.known
    return (new.commit, new.ordinal) > (old.commit, old.ordinal)


# --- a view, from rows as people give them


def instant(value: date) -> int:
    """Microseconds since 1970: naive is UTC, aware is converted, a date is its midnight (R11, R12)."""
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    elif value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    return (value.astimezone(UTC) - EPOCH) // timedelta(microseconds=1)


@dataclass(frozen=True)
class Batch:
    """One commit.

    Attributes:
        rows: as they were given; of a delete the keys and times alone.
        published: when readers could see it.
    """

    rows: Sequence[Mapping[str, Any]]
    published: datetime
    deletes: bool = False


@dataclass(frozen=True)
class Group:
    """One group and all that was written to it, in the order of its commits."""

    name: str
    keys: tuple[str, ...]
    batches: Sequence[Batch]
    event_time: str | None = None
    known_time: str | None = None
    delay: timedelta = timedelta()
    ttl: timedelta | None = None

    def facts(self, commits: int) -> list[Fact]:
        """The rows of the first so many commits (R19)."""
        out = []
        for number, batch in enumerate(self.batches[:commits], start=1):
            for ordinal, row in enumerate(batch.rows):
                known = row.get(self.known_time) if self.known_time not in (None, "commit") else None
                if self.known_time == "commit":
                    known = batch.published
                out.append(
                    Fact(
                        key=tuple(_key(row[name]) for name in self.keys),
                        event=None if self.event_time is None else instant(row[self.event_time]),
                        known=None if known is None else instant(known),
                        commit=number,
                        ordinal=ordinal,
                        deleted=batch.deletes,
                        values=row,
                    )
                )
        return out


def _key(value: Any) -> Any:
    """A key as it is compared: times as instants, so that zones play no part."""
    return ("time", instant(value)) if isinstance(value, datetime) else value


@dataclass(frozen=True)
class Taken:
    """Columns of one group, as a view takes them: under a prefix, by keys that the spine may call otherwise."""

    group: Group
    columns: tuple[str, ...]
    on: Mapping[str, str] = field(default_factory=dict)
    prefix: str = ""

    @property
    def side(self) -> str:
        """What reports call it."""
        return self.prefix + self.group.name

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names in the result."""
        return tuple(self.prefix + column for column in self.columns)


@dataclass(frozen=True)
class Told:
    """What a view answers.

    Attributes:
        rows: the spine's rows in its order, each with all columns (R1).
        answers: side → one answer a row.
        counts: side → what the report of it says.
    """

    rows: list[dict[str, Any]]
    answers: dict[str, list[Answer]]
    counts: dict[str, dict[str, Any]]


class Refused(Exception):
    """What may not be asked; its message is the rule."""


@dataclass(frozen=True)
class View:
    """Selections and a label, joined one by one to the spine (R13)."""

    taken: Sequence[Taken]
    label: Taken | None = None
    spine_time: str = "event_time"

    def join(
        self,
        spine: Sequence[Mapping[str, Any]],
        *,
        as_of: datetime | None = None,
        commits: Mapping[str, int] | None = None,
    ) -> Told:
        """Every row's answer.

        Args:
            as_of: labels that were learnt later are not used; needed with a label.
            commits: group → how many of its commits are read; all where it is not named.
        """
        self._check(spine)
        sides = [*self.taken, *([self.label] if self.label else [])]
        out = Told([{**row, self.spine_time: instant(row[self.spine_time])} for row in spine], {}, {})
        asked = [row[self.spine_time] for row in out.rows] + ([instant(as_of)] if as_of else [])
        for side in sides:
            group = side.group
            number = (commits or {}).get(group.name, len(group.batches))
            facts, moments = group.facts(number), [row[self.spine_time] for row in out.rows]
            if side is self.label:
                assert as_of is not None
                moments = [instant(as_of)] * len(moments)
            keys = [tuple(_key(row[side.on.get(name, name)]) for name in group.keys) for row in spine]
            ttl = None if group.ttl is None else group.ttl // timedelta(microseconds=1)
            answers = [
                ask(
                    key,
                    moment,
                    facts,
                    delay=group.delay // timedelta(microseconds=1),
                    ttl=None if side is self.label else ttl,
                    cutoff=group.known_time is not None,
                    strict=side is not self.label
                    and self.label is not None
                    and self.label.group.name == group.name,
                )
                for key, moment in zip(keys, moments, strict=True)
            ]
            counted = _until(facts, asked)
            own = [row[self.spine_time] for row in out.rows]
            if side is self.label:
                answers = [_expired(answer, t, ttl) for answer, t in zip(answers, own, strict=True)]
            out.answers[side.side] = answers
            out.counts[side.side] = _counts(group, counted, keys, moments, answers, late=side is self.label)
            if side is self.label:
                out.counts[side.side] |= _apart(group, facts, keys, moments, own, answers)
            for row, answer in zip(out.rows, answers, strict=True):
                for column, output in zip(side.columns, side.outputs, strict=True):
                    row[output] = answer.value(column)
        return out

    def _check(self, spine: Sequence[Mapping[str, Any]]) -> None:
        sides = [*self.taken, *([self.label] if self.label else [])]
        outputs = [output for side in sides for output in side.outputs]
        names = [side.side for side in sides]
        if len(set(outputs)) < len(outputs) or len(set(names)) < len(names):
            raise Refused("R14: every column and side has a name of its own")
        for row in spine:
            if set(row) & set(outputs):
                raise Refused("R17: a column of the spine is one of the view's")
            if not isinstance(row[self.spine_time], date):
                raise Refused("R10: every row has a moment")


def _expired(answer: Answer, own: int, ttl: int | None) -> Answer:
    """A label is too old by its row's own moment (R5)."""
    event = None if answer.fact is None else answer.fact.event
    if ttl is None or answer.status != "matched" or event is None or event >= own - ttl:
        return answer
    return Answer("expired", answer.fact)


def _apart(
    group: Group,
    facts: Sequence[Fact],
    keys: Sequence[tuple[Any, ...]],
    moments: Sequence[int],
    own: Sequence[int],
    answers: Sequence[Answer],
) -> dict[str, int]:
    """Labels that may be of another moment than their row."""
    n_before = n_several = 0
    delay = group.delay // timedelta(microseconds=1)
    for key, moment, t, answer in zip(keys, moments, own, answers, strict=True):
        if answer.status == "matched" and answer.fact is not None:
            n_before += answer.fact.event is not None and answer.fact.event < t
            usable = {
                fact.event
                for fact in facts
                if _equal(fact.key, key)
                and (fact.event is None or fact.event + delay <= moment)
                and (group.known_time is None or (fact.known is not None and fact.known <= moment))
            }
            n_several += len(usable) > 1
    return {"n_before": n_before, "n_several": n_several}


def _until(facts: Sequence[Fact], asked: Sequence[int]) -> list[Fact]:
    """What is true by the last moment that anybody asks about: reports count no more of a group."""
    horizon = max(asked, default=0)
    return [fact for fact in facts if fact.event is None or fact.event <= horizon]


def _counts(
    group: Group,
    facts: Sequence[Fact],
    keys: Sequence[tuple[Any, ...]],
    moments: Sequence[int],
    answers: Sequence[Answer],
    *,
    late: bool,
) -> dict[str, Any]:
    """The report of one side."""
    used = [
        (fact, moment)
        for (fact, status), moment in zip(((a.fact, a.status) for a in answers), moments, strict=True)
        if status == "matched" and fact is not None
    ]
    timed = [(fact.event, moment) for fact, moment in used if fact.event is not None]
    events = [event for event, _ in timed]
    commits: dict[int, int] = {}
    for fact, _ in used:
        commits[fact.commit] = commits.get(fact.commit, 0) + 1
    published = [instant(batch.published) for batch in group.batches]
    usable = [fact for fact in facts if None not in fact.key]
    return {
        "n_rows": len(answers),
        "n_matched": len(used),
        "n_missing": sum(answer.status == "missing" for answer in answers),
        "n_expired": sum(answer.status == "expired" for answer in answers),
        "n_null_keys": sum(None in key for key in keys),
        "n_simultaneous": sum(event == moment for event, moment in timed),
        "n_group_null_keys": len(facts) - len(usable),
        "n_group_unknown": sum(fact.known is None for fact in usable) if group.known_time else 0,
        "n_published_later": 0
        if group.known_time
        else sum(
            published[fact.commit - 1] > moment for fact, moment in used if late or fact.event is not None
        ),
        "min_event_us": min(events, default=None),
        "max_event_us": max(events, default=None),
        "min_lag_us": min((moment - event for event, moment in timed), default=None),
        "commits": dict(sorted(commits.items())),
    }
