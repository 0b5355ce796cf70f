"""One root error; every leaf says what was expected, what came, where, and what to do.

Each leaf is also the built-in exception that a caller would catch without knowing mainspring, and carries a
stable `code` that logs, HTTP bodies and scripts may rely on. Names of classes may change, codes do not.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from pydantic import ValidationError


class MainspringError(Exception):
    """The root. Catch it to catch whatever mainspring refuses.

    Attributes:
        code: stable, dotted, lower case.
        expected: what would have been right.
        got: what came instead.
        where: the place in the caller's input: a name, a column, a file, a URL.
        hint: what to do next.
    """

    code: ClassVar[str] = "mainspring"

    def __init__(self, *, expected: str, got: str, where: str, hint: str) -> None:
        self.expected = expected
        self.got = got
        self.where = where
        self.hint = hint
        super().__init__(f"{where}: expected {expected}, got {got}. {hint}")

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only constructors do not survive pickling on their own, and errors cross processes.
        return _rebuild, (type(self), self.to_dict())

    def to_dict(self) -> dict[str, str]:
        """The four parts and the code, as the HTTP body and `--json` show them."""
        return {
            "code": self.code,
            "expected": self.expected,
            "got": self.got,
            "where": self.where,
            "hint": self.hint,
        }


def _rebuild(leaf: type[MainspringError], parts: dict[str, str]) -> MainspringError:
    return leaf(**{name: text for name, text in parts.items() if name != "code"})


class InputError(MainspringError, ValueError):
    """The caller's data, parameter or file is not what the call takes. Nothing was written."""

    code = "input.invalid"

    @classmethod
    def of_kind(cls, expected: str, given: object, where: str, hint: str) -> InputError:
        """For an object of another kind: text, numbers and None are shown, of anything else its type."""
        got = repr(given) if isinstance(given, str | int | float | None) else type(given).__name__
        return cls(expected=expected, got=got, where=where, hint=hint)

    @classmethod
    def of_value(cls, problem: ValidationError, where: str, hint: str) -> InputError:
        """For the first value that pydantic refuses: what it should be, what was given, and which it is."""
        first = problem.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        refused = first.get("ctx", {}).get("error")
        if isinstance(refused, MainspringError):
            expected, got, place = refused.expected, refused.got, f"{place}, {refused.where}"
            hint = refused.hint
        elif first["type"] == "missing":
            expected, got = "a value", "nothing"
        elif first["type"] == "extra_forbidden":
            expected, got = "a key that it knows", repr(first["loc"][-1])
        else:
            expected, got = (
                str(refused or first["msg"]).removeprefix("Input should be "),
                repr(first["input"]),
            )
        return cls(expected=expected, got=got, where=f"{where}, {place}" if place else where, hint=hint)


class ExpectationError(MainspringError, ValueError):
    """Data broke expectations that refuse; nothing was written."""

    code = "input.expectation_failed"


class UnknownNameError(MainspringError, LookupError):
    """Nothing of that name or id exists."""

    code = "name.unknown"

    @classmethod
    def of(
        cls, kind: str, name: object, known: Iterable[object], where: str, *, otherwise: str | None = None
    ) -> UnknownNameError:
        """For a `kind` ("column", "model") called `name`, with what there is and the nearest of it.

        Args:
            kind: what it would be, as people say it.
            name: what was asked for.
            known: what there is.
            where: the place in the caller's input.
            otherwise: the hint where nothing known is near; None = a general one.
        """
        items = set(known)
        numbers = sorted(item for item in items if isinstance(item, int))
        if items and len(numbers) == len(items):
            # Of numbers the nearest is no typo of what was asked for.
            names, near, last = [str(number) for number in numbers], [], f"{numbers[-1]} "
        else:
            names, last = sorted({str(item) for item in items}), ""
            near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.6)
        shown = ", ".join(names[:12]) + (f", … {last}({len(names)} in all)" if len(names) > 12 else "")
        general = "Name one that exists." if names else f"Make one first: there is no {kind} yet."
        hint = f"Did you mean {near[0]!r}?" if near else otherwise or general
        return cls(
            expected=f"a known {kind} (there is: {shown or 'none yet'})",
            got=repr(name),
            where=where,
            hint=hint,
        )


class ConflictError(MainspringError, ValueError):
    """Something of that name exists with other content."""

    code = "name.conflict"


class StateError(MainspringError, RuntimeError):
    """The thing exists, but is not in the state that the call needs."""

    code = "state.invalid"


class DeletedError(StateError):
    """Somebody deleted the content. What it was, who deleted it and why is still on record."""

    code = "content.deleted"


class RetiredError(StateError):
    """The deployment answers no more: somebody retired it. Its predictions, outcomes and evidence can be read."""

    code = "deployment.retired"


class FencedError(StateError):
    """Another process took this work over; what this one made was not published."""

    code = "publication.fenced"


class IntegrityError(MainspringError, RuntimeError):
    """Stored bytes or rows are not what was written: damaged, swapped or missing."""

    code = "integrity.damaged"


class SchemaVersionError(MainspringError, RuntimeError):
    """A newer mainspring wrote what is stored; this one does not know its form."""

    code = "schema.newer"


class SchemaOlderError(SchemaVersionError):
    """An older mainspring wrote what is stored, and nobody upgraded it."""

    code = "schema.older"


class UnavailableError(MainspringError, ConnectionError):
    """A database, store or server could not be reached, or a port is taken."""

    code = "backend.unavailable"


class WorkerError(MainspringError, RuntimeError):
    """A worker process died, or was ended because its task took too long. Only that task failed."""

    code = "engine.worker_lost"


class AccessError(MainspringError, PermissionError):
    """The operating system refuses to read or write a file or folder."""

    code = "access.denied"


class RefusedError(MainspringError, RuntimeError):
    """A gate said no, or holds for want of evidence."""

    code = "gate.refused"


class PluginError(MainspringError, ImportError):
    """A plug-in cannot be used, or one that is needed is not installed."""

    code = "plugin.unusable"


class MissingExtraError(MainspringError, ImportError):
    """An optional library is not installed."""

    code = "install.missing_extra"

    @classmethod
    def of(cls, library: str, extra: str, where: str) -> MissingExtraError:
        """For `library`, which comes with the optional `extra`."""
        return cls(
            expected=f"the library {library!r}",
            got="it is not installed",
            where=where,
            hint=f"Install it with: pip install 'mainspring[{extra}]'",
        )
