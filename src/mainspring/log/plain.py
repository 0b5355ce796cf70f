"""Fields as plain JSON without secrets: what may leave the process by a log."""

from __future__ import annotations

import math
import re
import traceback
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from mainspring.errors import MainspringError

HIDDEN: Final = "***"
MIN_SECRET_CHARACTERS: Final = 6
"""A shorter password is hidden where an address shows it; anywhere else it would be looked for in every word."""

_CREDENTIALS: Final = re.compile(r"(?<=://)[^\s/?#@]*(?:@[^\s/?#@]*)*(?=@)")
_NAMED_SECRET: Final = re.compile(
    r"""(?ix)
    ( \b (?: [a-z_-]*token | password | passwd | secret | api[_-]?key | authorization )
      ["']? \s* [=:] \s* ["']? (?: bearer \s+ | basic \s+ )? )
    [^\s&"',;)}\]]+
    """
)
_SECRET_FIELD: Final = re.compile(r"(?i)(^|_)(token|password|passwd|secret|api_?key|authorization)$")

Hide = Callable[[str], str]


def hider(secrets: Iterable[str]) -> Hide:
    """What takes passwords out of addresses, values called token or password, and these secrets, out of a text."""
    known = sorted({each for each in secrets if len(each) >= MIN_SECRET_CHARACTERS}, key=len, reverse=True)

    def hide(text: str) -> str:
        for secret in known:
            text = text.replace(secret, HIDDEN)
        if "@" in text:
            text = _CREDENTIALS.sub(HIDDEN, text)
        return _NAMED_SECRET.sub(rf"\1{HIDDEN}", text)

    return hide


def plain(value: Any, hide: Hide) -> Any:
    """Anything as plain JSON: what JSON does not have as text, numbers that are not finite as null."""
    if isinstance(value, str):
        return hide(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {
            str(key): HIDDEN if item and _SECRET_FIELD.search(str(key)) else plain(item, hide)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item, hide) for item in value]
    return hide(str(value))


def described(error: BaseException, *, trace: bool) -> dict[str, Any]:
    """An error's type and message, the code and four parts of one of ours, and where it was raised if `trace`."""
    parts: dict[str, Any] = {"type": type(error).__name__, "message": str(error)}
    if isinstance(error, MainspringError):
        parts |= error.to_dict()
    if trace:
        parts["traceback"] = "".join(traceback.format_exception(error))
    return parts
