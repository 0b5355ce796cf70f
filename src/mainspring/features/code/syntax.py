"""A function's source as plain data: what it says, not how it is laid out.

Positions, comments, formatting, docstrings and mainspring's own decorators do not count. The text of
`ast.dump` changes between versions of Python, so the tree is walked here.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from functools import lru_cache
from types import CodeType
from typing import Any, Final

from mainspring.types import digest

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda

_LAYOUT: Final = frozenset(
    {"ctx", "type_comment", "kind", "lineno", "col_offset", "end_lineno", "end_col_offset"}
)
_SCOPES: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_COMPREHENSIONS: Final = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class Source:
    """One parsed and compiled file, with its definitions findable by qualified name and first line."""

    def __init__(self, text: str, filename: str) -> None:
        self.tree = ast.parse(text, filename)
        self.code = compile(text, filename, "exec", dont_inherit=True)
        self._nodes: dict[tuple[str, int], list[Definition]] = {}
        self._codes: dict[tuple[str, int], list[CodeType]] = {}
        for qualname, node in _definitions(self.tree, ""):
            self._nodes.setdefault((qualname, first_line(node)), []).append(node)
        for code in nested_codes(self.code):
            self._codes.setdefault((code.co_qualname, code.co_firstlineno), []).append(code)

    def find(self, code: CodeType) -> Definition | None:
        """The definition that `code` was compiled from; None if the file says something else by now."""
        place = (code.co_qualname, code.co_firstlineno)
        nodes, codes = self._nodes.get(place, []), self._codes.get(place, [])
        if len(nodes) == 1 and len(codes) == 1 and code_form(codes[0]) == code_form(code):
            return nodes[0]
        return None

    def find_class(self, qualname: str) -> tuple[ast.ClassDef, CodeType] | None:
        """A class and the code of its body; None unless there is exactly one of that name."""
        nodes = [node for (name, _), found in self._nodes.items() if name == qualname for node in found]
        codes = [code for (name, _), found in self._codes.items() if name == qualname for code in found]
        if len(nodes) == 1 and len(codes) == 1 and isinstance(nodes[0], ast.ClassDef):
            return nodes[0], codes[0]
        return None


@lru_cache(maxsize=512)
def parse(text: str, filename: str) -> Source:
    """Parse and compile a file's text once."""
    return Source(text, filename)


def first_line(node: Definition) -> int:
    """The line that the compiler calls first: that of the topmost decorator."""
    decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def nested_codes(code: CodeType) -> Iterator[CodeType]:
    """The code and all code inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from nested_codes(constant)


@lru_cache(maxsize=4096)
def code_form(code: CodeType) -> tuple[Any, ...]:
    """What a code object does, without line numbers; equal for equal code of one Python version."""
    constants = [
        code_form(item) if isinstance(item, CodeType) else _constant(item) for item in code.co_consts
    ]
    return (code.co_name, code.co_code.hex(), list(code.co_names), list(code.co_varnames), constants)


def tree_digest(node: ast.AST, is_ours: Callable[[ast.expr], bool]) -> str:
    """SHA-256 over `tree_form`, computed once for a tree and its set of our decorators."""
    return _tree_digest(node, tuple(is_ours(decorator) for decorator in _decorators(node)))


@lru_cache(maxsize=4096)
def _tree_digest(node: ast.AST, ours: tuple[bool, ...]) -> str:
    # Trees hash by identity and never change once parsed; the cache keeps them alive.
    left_out = {id(decorator) for decorator, is_ours in zip(_decorators(node), ours, strict=True) if is_ours}
    return digest(tree_form(node, lambda decorator: id(decorator) in left_out))


@lru_cache(maxsize=4096)
def _decorators(node: ast.AST) -> tuple[ast.expr, ...]:
    return tuple(decorator for part in ast.walk(node) for decorator in getattr(part, "decorator_list", []))


def tree_form(node: ast.AST, is_ours: Callable[[ast.expr], bool]) -> list[Any]:
    """A syntax tree as nested lists; `is_ours` says which decorators to leave out."""
    form: list[Any] = [type(node).__name__]
    for name, value in ast.iter_fields(node):
        if name in _LAYOUT or value is None or value == []:
            continue
        kept = value
        if name == "decorator_list":
            kept = [decorator for decorator in value if not is_ours(decorator)]
        elif name == "body" and isinstance(value, list):
            kept = [statement for statement in value if not _is_text(statement)]
        form.append([name, _field_form(kept, is_ours)])
    return form


def _field_form(value: Any, is_ours: Callable[[ast.expr], bool]) -> Any:
    if isinstance(value, ast.AST):
        return tree_form(value, is_ours)
    if isinstance(value, list):
        return [_field_form(item, is_ours) for item in value]
    return _constant(value)


def _constant(value: Any) -> Any:
    if value is None or isinstance(value, bool | str | bytes | float):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else ["int", str(value)]
    if isinstance(value, complex):
        return ["complex", value.real, value.imag]
    if value is Ellipsis:
        return ["..."]
    if isinstance(value, tuple):
        return ["tuple", [_constant(item) for item in value]]
    if isinstance(value, frozenset):
        # The order of a set depends on the process's hash seed.
        return ["set", sorted((_constant(item) for item in value), key=repr)]
    return [type(value).__name__, repr(value)]


def _is_text(statement: ast.AST) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _definitions(node: ast.AST, prefix: str) -> Iterator[tuple[str, Definition]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _SCOPES):
            qualname = prefix + ("<lambda>" if isinstance(child, ast.Lambda) else child.name)
            yield qualname, child
            inner = qualname + ("." if isinstance(child, ast.ClassDef) else ".<locals>.")
            yield from _definitions(child, inner)
        elif isinstance(child, _COMPREHENSIONS):
            kind = {
                "ListComp": "listcomp",
                "SetComp": "setcomp",
                "DictComp": "dictcomp",
                "GeneratorExp": "genexpr",
            }
            yield from _definitions(child, f"{prefix}<{kind[type(child).__name__]}>.<locals>.")
        else:
            yield from _definitions(child, prefix)
