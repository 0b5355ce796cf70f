"""The language of searches: `metrics.auc > 0.8 AND tags."kind of model" LIKE 'lin%'`, and orders: `params.depth DESC`.

    filter     := clause (AND clause)*
    clause     := identifier comparator value | identifier IS [NOT] NULL | identifier [NOT] IN ( text, … )
    comparator := = | != | > | >= | < | <= | LIKE | ILIKE
    identifier := [entity .] key

There is no OR and no grouping. Keywords may be of either case. An identifier is split at its first dot; a key with
blanks, slashes or dots of its own may be quoted by backticks or double quotes. Without an entity an attribute is
meant. Nothing here knows what there is to be searched: a `Grammar` says which entities and keys there are.
"""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from mainspring.errors import InputError

MAX_CHARACTERS: Final = 100_000
MAX_CLAUSES: Final = 1_000


class Kind(enum.Enum):
    """What values of an entity or an attribute are, which says how they are compared."""

    TEXT = "text"
    NUMBER = "number"
    TAG = "tag"
    """A text that may be missing: it can be asked for by IS NULL."""


@dataclass(frozen=True)
class Grammar:
    """What can be searched.

    Attributes:
        entities: by every name that an entity has, the one that clauses say; of any key but those of attributes.
        kinds: what the values of each entity are, by its one name; of attributes see `attributes`.
        attributes: by every name that an attribute has: the one that clauses say, and what its values are.
        listed: attributes that may be compared with IN and NOT IN.
        keys: for entities that have these keys only: which.
    """

    entities: Mapping[str, str]
    kinds: Mapping[str, Kind]
    attributes: Mapping[str, tuple[str, Kind]]
    listed: frozenset[str]
    keys: Mapping[str, frozenset[str]]


ATTRIBUTE: Final = "attribute"


@dataclass(frozen=True)
class Clause:
    """One condition.

    Attributes:
        entity: `attribute`, or another of the grammar.
        key: the attribute, metric, parameter or tag.
        kind: what its values are.
        comparator: in capitals: `=`, `LIKE`, `IS NULL`, `NOT IN` …
        value: a text, a number, texts for IN; None for IS NULL and IS NOT NULL.
    """

    entity: str
    key: str
    kind: Kind
    comparator: str
    value: str | float | tuple[str, ...] | None


@dataclass(frozen=True)
class Order:
    """One key of an order."""

    entity: str
    key: str
    kind: Kind
    ascending: bool


_TOKEN: Final = re.compile(
    r"""
    (?P<blank>\s+)
  | (?P<text>'(?:[^']|'')*')
  | (?P<quoted>"[^"]*"|`[^`]*`)
  | (?P<comparator><=|>=|!=|=|<|>)
  | (?P<mark>[(),])
  | (?P<word>[^\s'"`<>=!(),]+)
    """,
    re.VERBOSE,
)
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\Z")
_NUMERIC: Final = ("=", "!=", ">", ">=", "<", "<=")
_TEXTUAL: Final = ("=", "!=", "LIKE", "ILIKE")


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int

    @property
    def keyword(self) -> str:
        """The word in capitals; empty for what is no bare word."""
        return self.text.upper() if self.kind == "word" else ""


def parse_filter(text: str, grammar: Grammar) -> list[Clause]:
    """The conditions of a filter; none for an empty text.

    Raises:
        InputError: it is not of the language, or names what the grammar does not have.
    """
    reader = _Reader(text, grammar, "filter")
    clauses: list[Clause] = []
    while not reader.is_over:
        if clauses:
            reader.expect_keyword("AND")
        clauses.append(reader.clause())
        if len(clauses) > MAX_CLAUSES:
            raise reader.refused(f"at most {MAX_CLAUSES} conditions", "more")
    return clauses


def parse_order(text: str, grammar: Grammar) -> Order:
    """One key of an order: an identifier, and ASC or DESC.

    Raises:
        InputError: it is not of the language, or names what the grammar does not have.
    """
    reader = _Reader(text, grammar, "order_by")
    return reader.order()


class _Reader:
    """Reads the tokens of one text in turn."""

    def __init__(self, text: str, grammar: Grammar, where: str) -> None:
        self._text = text
        self._grammar = grammar
        self._where = where
        self._place = 0
        self._tokens: list[_Token] = []
        if len(text) > MAX_CHARACTERS:
            raise self.refused(f"at most {MAX_CHARACTERS} characters", f"{len(text)}")
        self._tokens = self._tokenized()

    def _tokenized(self) -> list[_Token]:
        found, at = [], 0
        while at < len(self._text):
            match = _TOKEN.match(self._text, at)
            if match is None:
                raise self.refused("words, quoted texts and comparators", f"{self._text[at : at + 20]!r}")
            kind = str(match.lastgroup)
            if kind != "blank":
                found.append(_Token(kind, match.group(), at))
            at = match.end()
        return found

    @property
    def is_over(self) -> bool:
        return self._place >= len(self._tokens)

    def refused(self, expected: str, got: str) -> InputError:
        """What is said of a text that is not of the language."""
        return InputError(
            expected=expected,
            got=got,
            where=f"{self._where} {self._text[:200]!r}",
            hint="For example: metrics.auc > 0.8 AND params.depth = '6' AND tags.`my tag` LIKE 'a%'",
        )

    def _next(self, expected: str) -> _Token:
        if self.is_over:
            raise self.refused(expected, "the end")
        token = self._tokens[self._place]
        self._place += 1
        return token

    def _peek(self) -> _Token | None:
        return None if self.is_over else self._tokens[self._place]

    def expect_keyword(self, word: str) -> None:
        token = self._next(word)
        if token.keyword != word:
            raise self.refused(word, repr(token.text))

    def clause(self) -> Clause:
        entity, key, kind = self._identifier()
        token = self._next("a comparator")
        word = token.keyword
        if token.kind == "comparator":
            return self._compared(entity, key, kind, token.text)
        if word in {"LIKE", "ILIKE"}:
            return self._compared(entity, key, kind, word)
        if word == "IS":
            return self._missing(entity, key, kind)
        if word == "IN":
            return self._among(entity, key, kind, "IN")
        if word == "NOT":
            self.expect_keyword("IN")
            return self._among(entity, key, kind, "NOT IN")
        raise self.refused(
            "a comparator: " + ", ".join((*_NUMERIC, "LIKE", "ILIKE", "IN", "IS NULL")), repr(token.text)
        )

    def _compared(self, entity: str, key: str, kind: Kind, comparator: str) -> Clause:
        allowed = _NUMERIC if kind is Kind.NUMBER else _TEXTUAL
        if comparator not in allowed:
            raise self.refused(f"one of {', '.join(allowed)} for {entity} {key!r}", comparator)
        token = self._next("a value")
        if kind is Kind.NUMBER:
            return Clause(entity, key, kind, comparator, self._number(token))
        return Clause(entity, key, kind, comparator, self._quoted(token))

    def _missing(self, entity: str, key: str, kind: Kind) -> Clause:
        token = self._next("NULL or NOT NULL")
        comparator = "IS NULL"
        if token.keyword == "NOT":
            comparator, token = "IS NOT NULL", self._next("NULL")
        if token.keyword != "NULL":
            raise self.refused("NULL", repr(token.text))
        if kind is not Kind.TAG:
            raise self.refused("a parameter or a tag before IS [NOT] NULL", f"{entity} {key!r}")
        return Clause(entity, key, kind, comparator, None)

    def _among(self, entity: str, key: str, kind: Kind, comparator: str) -> Clause:
        if kind is not Kind.TEXT or (entity == ATTRIBUTE and key not in self._grammar.listed):
            known = ", ".join(sorted(self._grammar.listed)) or "none"
            raise self.refused(f"an attribute that IN is for ({known})", f"{entity} {key!r}")
        if self._next("(").text != "(":
            raise self.refused("( after IN", repr(self._tokens[self._place - 1].text))
        values: list[str] = []
        while True:
            values.append(self._quoted(self._next("a text")))
            token = self._next(", or )")
            if token.text == ")":
                return Clause(entity, key, kind, comparator, tuple(values))
            if token.text != ",":
                raise self.refused(", or )", repr(token.text))

    def _number(self, token: _Token) -> float:
        if token.kind != "word" or not _NUMBER.match(token.text):
            raise self.refused("a number without quotes", token.text)
        found = float(token.text)
        if math.isinf(found):
            raise self.refused("a number of double precision", token.text)
        return found

    def _quoted(self, token: _Token) -> str:
        if token.kind == "text":
            return token.text[1:-1].replace("''", "'")
        if token.kind == "quoted" and token.text[0] == '"':
            return token.text[1:-1]
        raise self.refused("a text in quotes", token.text)

    def order(self) -> Order:
        if not self._tokens:
            raise self.refused("what to order by", "nothing")
        entity, key, kind = self._identifier()
        token = self._peek()
        if token is None:
            return Order(entity, key, kind, ascending=True)
        self._place += 1
        if token.keyword not in {"ASC", "DESC"} or not self.is_over:
            raise self.refused("ASC or DESC, and nothing behind it", repr(self._text[token.at :]))
        return Order(entity, key, kind, ascending=token.keyword == "ASC")

    def _identifier(self) -> tuple[str, str, Kind]:
        token = self._next("what to compare")
        if token.kind not in {"word", "quoted"}:
            raise self.refused(
                "what to compare: metrics.KEY, params.KEY, tags.KEY or an attribute", token.text
            )
        if token.kind == "quoted":
            return self._attribute(token.text[1:-1])
        name, dot, key = token.text.partition(".")
        if not dot:
            return self._attribute(self._with_next_word(name))
        entity = self._grammar.entities.get(name)
        if entity is None:
            known = ", ".join(sorted({*self._grammar.entities}))
            raise self.refused(f"one of {known} before the dot", repr(name))
        if not key:
            quoted = self._peek()
            if quoted is None or quoted.kind != "quoted" or quoted.at != token.at + len(token.text):
                raise self.refused(f"a key after {token.text!r}", "nothing")
            self._place += 1
            key = quoted.text[1:-1]
        if not key:
            raise self.refused(f"a key after {token.text!r}", "an empty one")
        if entity == ATTRIBUTE:
            return self._attribute(key)
        if entity in self._grammar.keys and key not in self._grammar.keys[entity]:
            raise self.refused(
                f"one of {', '.join(sorted(self._grammar.keys[entity]))} of {entity}", repr(key)
            )
        return entity, key, self._grammar.kinds[entity]

    def _with_next_word(self, name: str) -> str:
        """An attribute's name may be of two words: `run name`."""
        following = self._peek()
        if following is not None and f"{name} {following.text}" in self._grammar.attributes:
            self._place += 1
            return f"{name} {following.text}"
        return name

    def _attribute(self, name: str) -> tuple[str, str, Kind]:
        found = self._grammar.attributes.get(name)
        if found is None:
            known = ", ".join(sorted({key for key, _ in self._grammar.attributes.values()}))
            raise self.refused(f"an attribute (there is: {known})", repr(name))
        return ATTRIBUTE, *found


RUNS: Final = Grammar(
    entities={
        **dict.fromkeys(("attribute", "attributes", "attr", "run"), ATTRIBUTE),
        **dict.fromkeys(("metric", "metrics"), "metric"),
        **dict.fromkeys(("parameter", "parameters", "param", "params"), "param"),
        **dict.fromkeys(("tag", "tags"), "tag"),
        **dict.fromkeys(("dataset", "datasets"), "dataset"),
    },
    kinds={"metric": Kind.NUMBER, "param": Kind.TAG, "tag": Kind.TAG, "dataset": Kind.TEXT},
    attributes={
        **{name: (name, Kind.TEXT) for name in ("run_id", "user_id", "status", "artifact_uri")},
        **dict.fromkeys(("run_name", "run name", "Run name", "Run Name", "runName"), ("run_name", Kind.TEXT)),
        **dict.fromkeys(("start_time", "created", "Created"), ("start_time", Kind.NUMBER)),
        "end_time": ("end_time", Kind.NUMBER),
    },
    listed=frozenset({"run_id"}),
    keys={"dataset": frozenset({"name", "digest", "context"})},
)
EXPERIMENTS: Final = Grammar(
    entities={
        **dict.fromkeys(("attribute", "attributes", "attr"), ATTRIBUTE),
        **dict.fromkeys(("tag", "tags"), "tag"),
    },
    kinds={"tag": Kind.TAG},
    attributes={
        "name": ("name", Kind.TEXT),
        "experiment_id": ("experiment_id", Kind.TEXT),
        **dict.fromkeys(("creation_time", "created", "Created"), ("creation_time", Kind.NUMBER)),
        "last_update_time": ("last_update_time", Kind.NUMBER),
    },
    listed=frozenset({"experiment_id"}),
    keys={},
)
