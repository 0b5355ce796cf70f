"""The identity of a function's code: itself and every first-party thing that it can reach.

The closure is collected as a flat set of definitions, each with a digest of its own over its syntax and over
what its names are bound to, so recursion needs no care. A name bound to a value counts by its value; a value
that has no canonical form counts by its type only and is reported as opaque. Where code cannot be traced
(`eval`, `getattr` on a module) all first-party modules that its module imports count, and that is said too.
"""

from __future__ import annotations

import ast
import builtins
import dataclasses
import dis
import enum
import functools
import importlib
import importlib.metadata
import importlib.util
import inspect
import linecache
import logging
import re
import sys
import sysconfig
import threading
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path, PurePath
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final

from mainspring.features.code.syntax import Source, code_form, nested_codes, parse, tree_digest
from mainspring.features.digest import frame_digest
from mainspring.lineage.spec import Value
from mainspring.types import canonical_bytes, digest, digest_bytes

OURS: Final = "mainspring"
_UNTRACEABLE: Final = frozenset(
    {"eval", "exec", "__import__", "globals", "locals", "vars", "compile", "importlib"}
)
_GLOBAL_LOADS: Final = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_GLOBALS"})
_LIBRARY_FOLDERS: Final = tuple(
    Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib")
)


class Sentinel:
    """A value of mainspring's own that stands for itself, such as a default that something is handed in for."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"ms.{self.name}"


class CodeClosure(Value):
    """What a function is, as far as its result can depend on code.

    Attributes:
        digest: SHA-256 over `definitions` alone.
        definitions: digest of every reachable first-party definition, by `module:qualified.name`, and of every
            value that a global name stands for, by `value module:name`.
        libraries: version of every reachable third-party distribution, by name.
        opaque: names whose values have no canonical form; only their types count.
        untraced: places where code is reached in a way that cannot be followed, with what counts instead.
        carried: digest of the values that the function itself was made with, which its source does not tell: those of
            its closure, and defaults that are no literals; None where there are none.
    """

    digest: str
    definitions: dict[str, str]
    libraries: dict[str, str]
    opaque: tuple[str, ...]
    untraced: tuple[str, ...]
    carried: str | None = None

    def helpers_of(self, function: Callable[..., Any]) -> str | None:
        """SHA-256 over all of it but the function's own source; None where there is nothing else."""
        reached = {name: found for name, found in self.definitions.items() if name != _name_of(function)}
        if self.carried is not None:
            reached["carried"] = self.carried
        return digest(reached) if reached else None


def code_closure(function: Callable[..., Any]) -> CodeClosure:
    """Collect the code that `function` can reach, as it is loaded in this process now."""
    if not isinstance(function, FunctionType):
        raise TypeError(f"expected a plain function, got {function!r}")
    return _Collector().collect(function)


def value_digest(value: object) -> str:
    """SHA-256 over a value and the code that functions in it can reach: a function, a partial one or expressions."""
    return _Collector().digest_of(value)


class _Collector:
    """One walk over a function's reachable definitions."""

    def __init__(self) -> None:
        self._seen: dict[int, str] = {}
        self._kept: list[object] = []
        self._definitions: dict[str, list[str]] = {}
        self._carried: dict[str, list[str]] = {}
        self._tops: set[str] = set()
        self._opaque: set[str] = set()
        self._untraced: set[str] = set()
        self._values: list[int] = []
        self._modules_seen: set[tuple[int, frozenset[str]]] = set()

    def collect(self, function: FunctionType) -> CodeClosure:
        self._function(function)
        definitions = self._told()
        return CodeClosure(
            digest=digest(definitions),
            definitions=definitions,
            libraries=_versions(self._tops),
            opaque=tuple(sorted(self._opaque)),
            untraced=tuple(sorted(self._untraced)),
            carried=digest(sorted(carried)) if (carried := self._carried.get(_name_of(function))) else None,
        )

    def digest_of(self, value: object) -> str:
        form = self._value(value, "the value")
        return digest([form, self._told()])

    def _told(self) -> dict[str, str]:
        return {
            name: found[0] if len(found) == 1 else digest(sorted(found))
            for name, found in sorted(self._definitions.items())
        }

    def _enter(self, thing: object, name: str) -> bool:
        """Whether `thing` is met for the first time; it is kept alive so that its id stays its own."""
        if id(thing) in self._seen:
            return False
        self._seen[id(thing)] = name
        self._kept.append(thing)
        return True

    def _define(self, name: str, form: object) -> None:
        self._definitions.setdefault(name, []).append(digest(form))

    # Definitions -------------------------------------------------------------------------------------------

    def _function(self, function: FunctionType) -> str:
        name = _name_of(function)
        if not is_first_party(function.__module__):
            self._library(function.__module__)
            return name
        if not self._enter(function, name):
            return name
        code, scope = function.__code__, function.__globals__
        node = _find_node(function)
        if node is None:
            self._untraced.add(f"{name}: its source is not there as it was loaded; its byte code counts")
            body: object = ["code", code_form(code)]
        else:
            body = tree_digest(node, functools.partial(_is_ours, scope=scope))
        bound = self._bindings(code, scope, name, node)
        cells = {
            f"closure {variable}": self._cell(cell, f"{name} closure {variable}")
            for variable, cell in zip(code.co_freevars, function.__closure__ or (), strict=False)
        }
        defaults = {
            "defaults": self._value(function.__defaults__, f"{name} defaults"),
            "keyword defaults": self._value(function.__kwdefaults__, f"{name} defaults"),
        }
        self._carry(name, cells, defaults if _are_computed(node, function) else {})
        bound |= {**cells, **defaults}
        self._annotations(function)
        wrapped = getattr(function, "__wrapped__", None)
        if wrapped is not None:
            bound["wrapped"] = self._value(wrapped, f"{name} wrapped")
        self._define(name, [body, bound])
        return name

    def _carry(self, name: str, cells: dict[str, Any], defaults: dict[str, Any]) -> None:
        """Remember what a function was made with beside its source; itself, as of one that calls itself, is told."""
        told = ["function", name]
        carried = {place: form for place, form in (cells | defaults).items() if form != told}
        if carried:
            self._carried.setdefault(name, []).append(digest(carried))

    def _class(self, kind: type) -> str:
        name = f"{_place(kind.__module__)}:{kind.__qualname__}"
        if not is_first_party(kind.__module__):
            self._library(kind.__module__)
            return name
        if not self._enter(kind, name):
            return name
        module = sys.modules.get(kind.__module__)
        source = _source_of(module)
        found = None if source is None else source.find_class(kind.__qualname__)
        scope = vars(module) if module is not None else {}
        bases = [self._value(base, f"{name} base") for base in kind.__bases__]
        if found is None:
            self._untraced.add(f"{name}: its source was not found; its functions' byte code counts")
            body: object = sorted(key for key in vars(kind) if not key.startswith("__"))
            bound: dict[str, Any] = {}
        else:
            node, code = found
            body = tree_digest(node, functools.partial(_is_ours, scope=scope))
            bound = self._bindings(code, scope, name, node)
        for member in vars(kind).values():
            for function in _functions_of(member):
                if function.__module__ == kind.__module__:
                    self._function(function)
        self._define(name, [body, bases, bound])
        return name

    def _bindings(
        self, code: CodeType, scope: Mapping[str, Any], where: str, node: ast.AST | None
    ) -> dict[str, Any]:
        """What the global names and imports of `code`, and of all code within it, stand for."""
        attributes = {name for inner in nested_codes(code) for name in inner.co_names}
        bound: dict[str, Any] = {}
        for name in sorted(_global_names(code) | _decorator_names(node, scope)):
            if name in scope:
                found = _place(scope[name]) if name == "__name__" else scope[name]
            elif hasattr(builtins, name):
                if name in _UNTRACEABLE:
                    self._dynamic(where, f"uses {name}", scope)
                continue
            else:
                continue
            if isinstance(found, ModuleType):
                bound[name] = self._module(found, attributes, f"{where} uses {name}")
                if name in _UNTRACEABLE or (is_first_party(found.__name__) and _is_bare(node, name)):
                    self._dynamic(where, f"uses module {name} as a value", scope)
            else:
                bound[name] = self._named(found, f"{_place(str(scope.get('__name__')))}:{name}")
        for module_name, names in _imports(code, scope):
            bound[f"import {module_name} {','.join(names)}"] = self._import(
                module_name, names, attributes, where
            )
        return bound

    def _module(self, module: ModuleType, attributes: set[str], where: str) -> Any:
        """The parts of a first-party module that code naming `attributes` can touch."""
        name = module.__name__
        if not is_first_party(name):
            self._library(name)
            return ["module", name]
        if (id(module), frozenset(attributes)) in self._modules_seen:
            return ["module", name]
        self._modules_seen.add((id(module), frozenset(attributes)))
        parts = {}
        for attribute in sorted(attributes & vars(module).keys()):
            member = vars(module)[attribute]
            if isinstance(member, ModuleType):
                parts[attribute] = self._module(member, attributes, where)
            else:
                parts[attribute] = self._named(member, f"{name}:{attribute}")
        return ["module", name, parts]

    def _import(self, module_name: str, names: list[str], attributes: set[str], where: str) -> Any:
        if not is_first_party(module_name):
            self._library(module_name)
            return module_name
        try:
            module = importlib.import_module(module_name)
        except ImportError:
            self._untraced.add(f"{where}: imports {module_name}, which is not there")
            return ["missing", module_name]
        parts = []
        for name in names:
            if name == "*":
                self._dynamic(where, f"imports * from {module_name}", vars(module))
            elif hasattr(module, name):
                member = getattr(module, name)
                if isinstance(member, ModuleType):
                    parts.append([name, self._module(member, attributes, where)])
                else:
                    parts.append([name, self._named(member, f"{module_name}:{name}")])
        return [self._module(module, attributes, where), parts]

    def _annotations(self, function: FunctionType) -> None:
        """Classes named in annotations: a step calls methods of what it is given."""
        try:
            hints = typing.get_type_hints(function)
        except (NameError, TypeError, AttributeError):
            return
        for hint in hints.values():
            for kind in _types_in(hint):
                if is_first_party(kind.__module__):
                    self._class(kind)

    def _dynamic(self, where: str, what: str, scope: Mapping[str, Any]) -> None:
        """Count every first-party module that the scope's module imports, by its whole syntax."""
        self._untraced.add(f"{where}: {what}; all first-party modules that it imports count")
        waiting = [str(scope.get("__name__", ""))]
        while waiting:
            module = sys.modules.get(waiting.pop())
            if module is None or not is_first_party(module.__name__):
                continue
            name = f"{module.__name__}:*"
            if name in self._definitions:
                continue
            source = _source_of(module)
            if source is None:
                self._untraced.add(f"{name}: its source was not found")
                continue
            space = vars(module)
            self._define(name, tree_digest(source.tree, functools.partial(_is_ours, scope=space)))
            waiting.extend(module_name for module_name, _ in _imports(source.code, space))
            waiting.extend(found.__name__ for found in space.values() if isinstance(found, ModuleType))

    def _library(self, module_name: str) -> None:
        self._tops.add(module_name.split(".", 1)[0])

    # Values ------------------------------------------------------------------------------------------------

    def _cell(self, cell: types.CellType, where: str) -> Any:
        try:
            return self._value(cell.cell_contents, where)
        except ValueError:
            return ["empty"]

    def _named(self, value: Any, name: str) -> Any:
        """What a global name is bound to; a value becomes an entry of its own, so that its change is explained."""
        form = self._value(value, name)
        if isinstance(form, list) and form[0] in _BY_NAME:
            return form
        if f"value {name}" not in self._definitions:
            self._define(f"value {name}", form)
        return ["value", name]

    def _value(self, value: Any, where: str) -> Any:
        """A canonical form of `value`; functions and classes in it are walked and stand by their names."""
        if value is None or (
            isinstance(value, bool | str | bytes | float | datetime) and type(value) in _PLAIN
        ):
            return value
        if type(value) is int:
            return value if -(2**63) <= value < 2**63 else ["int", str(value)]
        if id(value) in self._values:
            return ["itself"]
        self._values.append(id(value))
        try:
            return self._compound(value, where)
        finally:
            self._values.pop()

    def _compound(self, value: Any, where: str) -> Any:
        if isinstance(value, Sentinel):
            return ["ours", value.name]
        target = _function_behind(value)
        if target is not None:
            return ["function", self._function(target)]
        if isinstance(value, types.MethodType):
            return ["method", self._value(value.__func__, where), self._value(value.__self__, where)]
        if isinstance(value, enum.Enum):
            return ["enum", self._class(type(value)), value.name]
        if isinstance(value, type):
            return ["class", self._class(value)]
        if isinstance(value, functools.partial):
            parts = [value.func, value.args, value.keywords]
            return ["partial", *(self._value(part, where) for part in parts)]
        if isinstance(value, ModuleType):
            return self._module(value, set(), where)
        if isinstance(value, types.BuiltinFunctionType) or inspect.isroutine(value):
            module = getattr(value, "__module__", None)
            if module:
                self._library(module)
            return ["routine", module, getattr(value, "__qualname__", repr(type(value)))]
        return self._container(value, where)

    def _container(self, value: Any, where: str) -> Any:
        kind = type(value)
        if kind in (list, tuple):
            return [kind.__name__, [self._value(item, where) for item in value]]
        if isinstance(value, Mapping):
            pairs = [[self._value(key, where), self._value(item, where)] for key, item in value.items()]
            return ["mapping", sorted(pairs, key=canonical_bytes)]
        if isinstance(value, set | frozenset):
            return ["set", sorted((self._value(item, where) for item in value), key=canonical_bytes)]
        if isinstance(value, date | time | timedelta | Decimal | PurePath | complex | range):
            return [kind.__name__, repr(value)]
        if isinstance(value, re.Pattern):
            return ["pattern", value.pattern, value.flags]
        if isinstance(value, logging.Logger | threading.Thread):
            return [kind.__name__]
        return self._object(value, where)

    def _object(self, value: Any, where: str) -> Any:
        kind = type(value)
        name = self._class(kind)
        if dataclasses.is_dataclass(value):
            fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
            return ["object", name, self._value(fields, where)]
        if hasattr(kind, "model_fields"):
            fields = {field: getattr(value, field) for field in kind.model_fields}
            return ["object", name, self._value(fields, where)]
        top = kind.__module__.split(".", 1)[0]
        if top == "numpy" and hasattr(value, "tobytes"):
            return ["array", str(value.dtype), list(value.shape), digest_bytes(value.tobytes())]
        if top == "typing" or kind.__module__ == "types":
            return ["type", repr(value)]
        if top == "polars" and kind.__name__ == "DataFrame":
            return ["frame", frame_digest(value)]
        if top == "polars" and kind.__name__ == "Expr":
            return ["expression", value.meta.serialize(format="json")]
        self._opaque.add(f"{where} ({name})")
        return ["opaque", name]


_BY_NAME: Final = frozenset({"function", "class", "module", "routine", "ours"})
_PLAIN: Final = (bool, str, bytes, float, datetime)


def _place(module_name: str) -> str:
    """A module's name as the program knows it: a worker process imports the main module by another name."""
    return "__main__" if module_name == "__mp_main__" else module_name


def is_first_party(module_name: str) -> bool:
    """Whether a module is the user's own: neither mainspring, nor the standard library, nor installed.

    What has no file (a notebook, a prompt) is the user's own; what is built in is not.
    """
    top = module_name.split(".", 1)[0]
    if top == OURS or (top in sys.stdlib_module_names and top != "__main__"):
        return False
    module = sys.modules.get(module_name)
    file = getattr(module, "__file__", None)
    if module is None:
        file = _file_of(module_name)
        if file is None:
            return False
    elif file is None:
        spec = getattr(module, "__spec__", None)
        if spec is not None and spec.submodule_search_locations:
            return all(_is_own_path(place) for place in spec.submodule_search_locations)
        return spec is None or spec.origin != "built-in"
    return _is_own_path(str(file))


@functools.lru_cache(maxsize=4096)
def _is_own_path(file: str) -> bool:
    path = Path(file).resolve()
    if "site-packages" in path.parts or "dist-packages" in path.parts:
        return False
    return not any(path.is_relative_to(folder) for folder in _LIBRARY_FOLDERS)


def _file_of(module_name: str) -> str | None:
    try:
        spec = importlib.util.find_spec(module_name)
    except (ImportError, ValueError):
        return None
    return None if spec is None or spec.origin in (None, "built-in", "frozen") else spec.origin


def _function_behind(value: Any) -> FunctionType | None:
    """The plain function of a function or of one of mainspring's wrappers around it."""
    if isinstance(value, FunctionType):
        return value
    if type(value).__module__.split(".", 1)[0] == OURS:
        inner = getattr(value, "function", None)
        return inner if isinstance(inner, FunctionType) else None
    inner = getattr(value, "__wrapped__", None)
    return inner if isinstance(inner, FunctionType) and not isinstance(value, type) else None


def _functions_of(member: Any) -> Iterator[FunctionType]:
    if isinstance(member, FunctionType):
        yield member
    elif isinstance(member, staticmethod | classmethod):
        yield from _functions_of(member.__func__)
    elif isinstance(member, property):
        for function in (member.fget, member.fset, member.fdel):
            yield from _functions_of(function)
    elif isinstance(member, functools.cached_property):
        yield from _functions_of(member.func)


def _types_in(hint: Any) -> Iterator[type]:
    if isinstance(hint, type) and not typing.get_args(hint):
        yield hint
    for part in typing.get_args(hint):
        yield from _types_in(part)


def _name_of(function: Callable[..., Any]) -> str:
    return f"{_place(function.__module__)}:{function.__qualname__}"


def _are_computed(node: Any, function: FunctionType) -> bool:
    """Whether the function has a default that is no literal, so that its source does not say what it is."""
    if node is None:
        return bool(function.__defaults__ or function.__kwdefaults__)
    given = [item for item in (*node.args.defaults, *node.args.kw_defaults) if item is not None]
    return any(isinstance(part, ast.Name) for item in given for part in ast.walk(item))


def _find_node(function: FunctionType) -> Any:
    source = _source_of(sys.modules.get(function.__module__), function.__code__.co_filename)
    return None if source is None else source.find(function.__code__)


def _source_of(module: ModuleType | None, filename: str | None = None) -> Source | None:
    file = filename or getattr(module, "__file__", None)
    if file is None:
        return None
    linecache.checkcache(file)
    lines = linecache.getlines(file, vars(module) if module is not None else None)
    if not lines:
        return None
    try:
        return parse("".join(lines), file)
    except SyntaxError:
        return None


def _is_ours(decorator: ast.expr, scope: Mapping[str, Any]) -> bool:
    """Whether a decorator is one of mainspring's: those describe a function and do not change it."""
    root: ast.expr = decorator
    while isinstance(root, ast.Call | ast.Attribute):
        root = root.func if isinstance(root, ast.Call) else root.value
    if not isinstance(root, ast.Name):
        return False
    found = scope.get(root.id)
    place = found.__name__ if isinstance(found, ModuleType) else getattr(found, "__module__", None)
    return isinstance(place, str) and place.split(".", 1)[0] == OURS


@functools.lru_cache(maxsize=4096)
def _global_names(code: CodeType) -> frozenset[str]:
    return frozenset(
        instruction.argval
        for inner in nested_codes(code)
        for instruction in dis.get_instructions(inner)
        if instruction.opname in _GLOBAL_LOADS
    )


def _decorator_names(node: ast.AST | None, scope: Mapping[str, Any]) -> set[str]:
    """Names that a definition's decorators load, ours left out: they run outside its own code."""
    decorators = [found for found in getattr(node, "decorator_list", []) if not _is_ours(found, scope)]
    return {part.id for decorator in decorators for part in ast.walk(decorator) if isinstance(part, ast.Name)}


def _is_bare(node: ast.AST | None, name: str) -> bool:
    """Whether a module is used other than by `module.attribute`; without source that cannot be ruled out."""
    if node is None:
        return False
    dotted = {id(part.value) for part in ast.walk(node) if isinstance(part, ast.Attribute)}
    return any(
        isinstance(part, ast.Name) and part.id == name and id(part) not in dotted for part in ast.walk(node)
    )


def _imports(code: CodeType, scope: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Modules that code imports while it runs, absolute, with the names it takes from each."""
    return _imports_of(code, str(scope.get("__package__") or ""))


@functools.lru_cache(maxsize=4096)
def _imports_of(code: CodeType, package: str) -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = []
    for inner in nested_codes(code):
        for before, instruction in _pairs(inner):
            if instruction.opname == "IMPORT_NAME":
                level = _level(before)
                name = "." * level + instruction.argval
                try:
                    found.append((importlib.util.resolve_name(name, package) if level else name, []))
                except ImportError:
                    continue
            elif instruction.opname == "IMPORT_FROM" and found:
                found[-1][1].append(instruction.argval)
            elif found and "IMPORT_STAR" in (instruction.opname + instruction.argrepr):
                found[-1][1].append("*")
    return found


def _pairs(code: CodeType) -> Iterator[tuple[list[dis.Instruction], dis.Instruction]]:
    """Each instruction with the two before it."""
    before: list[dis.Instruction] = []
    for instruction in dis.get_instructions(code):
        yield before, instruction
        before = [*before[-1:], instruction]


def _level(before: list[dis.Instruction]) -> int:
    level = before[0].argval if len(before) == 2 else 0
    return level if isinstance(level, int) else 0


@functools.cache
def _distributions() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()


@functools.cache
def _version(distribution: str) -> str:
    return importlib.metadata.version(distribution)


def _versions(tops: set[str]) -> dict[str, str]:
    """Name and version of the distributions that the top-level modules come from."""
    wanted = {top for top in tops if top not in sys.stdlib_module_names}
    names = {name for top in wanted for name in _distributions().get(top, [])}
    return {name: _version(name) for name in sorted(names)}
