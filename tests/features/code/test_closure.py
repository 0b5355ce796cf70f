"""The code closure: what a step's code is, wherever it lies."""

from __future__ import annotations

import pytest
from tests.pipelines.conftest import Code

from mainspring.features.code.closure import CodeClosure, code_closure

HELPERS = """
    \"\"\"Helpers.\"\"\"
    import math

    SCALE = 2
    TABLE = {"a": 1, "b": [1, 2]}

    def scaled(x):
        \"\"\"Scale.\"\"\"
        return inner(x) * SCALE  # a comment

    def inner(x):
        return math.floor(x) + TABLE["a"]

    def unused(x):
        return x

    class Base:
        def offset(self):
            return 1

    class Model(Base):
        limit = SCALE
        def predict(self, x):
            return x + self.offset()
"""
STEPS = """
    import helpers
    from helpers import Model

    def entry(x):
        return helpers.scaled(x) + Model().predict(x)
"""


def closure(code: Code, module: str = "steps", name: str = "entry") -> CodeClosure:
    code.forget()
    return code_closure(getattr(code.load(module), name))


@pytest.fixture
def closed(code: Code) -> CodeClosure:
    code.write(helpers=HELPERS, steps=STEPS)
    return closure(code)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("math.floor(x)", "math.ceil(x)"),
        ("SCALE = 2", "SCALE = 3"),
        ("SCALE = 2", "SCALE = 2.0"),
        ('"b": [1, 2]', '"b": [1, 3]'),
        ("return x + self.offset()", "return x - self.offset()"),
        ("return 1", "return 2"),
        ("limit = SCALE", "limit = SCALE + 0"),
    ],
    ids=[
        "indirect helper",
        "constant",
        "constant's type",
        "nested constant",
        "method",
        "base class",
        "attribute",
    ],
)
def test_an_edit_that_can_be_reached_changes_it(code: Code, closed: CodeClosure, old: str, new: str) -> None:
    """Helpers of helpers, constants, methods and base classes are part of a step."""
    code.edit("helpers", old, new)
    assert closure(code).digest != closed.digest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# a comment", "# another"),
        ('"""Scale."""', '"""Scale it well."""'),
        ('"""Helpers."""', '"""Helpers.\n\n    More.\n    """'),
        ("def unused(x):\n    return x\n", "def unused(x):\n    return x + 1"),
        ("math.floor(x) + TABLE", "math.floor( x ) + \\\n        TABLE"),
    ],
    ids=["comment", "docstring", "module docstring", "unreachable", "layout"],
)
def test_an_edit_that_does_nothing_does_not(code: Code, closed: CodeClosure, old: str, new: str) -> None:
    """Comments, docstrings, layout and code that is not reached do not count."""
    code.edit("helpers", old, new)
    assert closure(code).digest == closed.digest


def test_it_says_what_it_reached(closed: CodeClosure) -> None:
    """Every definition is named, so that a difference can be explained."""
    names = {"steps:entry", "helpers:scaled", "helpers:inner", "helpers:Model", "helpers:Base"}
    assert names <= set(closed.definitions)
    assert "helpers:unused" not in closed.definitions
    assert closed.opaque == closed.untraced == ()


def test_equal_bodies_in_two_modules_differ(code: Code) -> None:
    """Where a function lies is part of what it is."""
    body = "def entry(x):\n    return x\n"
    code.write(one=body, two=body)
    assert closure(code, "one").digest != closure(code, "two").digest


def test_mutual_recursion_ends(code: Code) -> None:
    """Functions that call each other are one closure from either end, and an edit of one changes both."""
    code.write(
        steps="""
        def even(n):
            return n == 0 or odd(n - 1)

        def odd(n):
            return n != 0 and even(n - 1)
        """
    )
    even, odd = closure(code, name="even"), closure(code, name="odd")
    assert even.definitions == odd.definitions
    code.edit("steps", "n != 0", "n > 0")
    assert closure(code, name="even").digest != even.digest


def test_closures_defaults_partials_and_lambdas_count(code: Code) -> None:
    """What a function carries with it is part of it."""
    text = """
        from functools import partial

        def maker(k):
            def inner(x, y=(1, 2)):
                return x * k + y[0]
            return inner

        made = maker(3)
        half = partial(made, y=(5, 5))
        square = lambda x: x * x

        def entry(x):
            return half(square(x))
    """
    code.write(steps=text)
    first = closure(code)
    for old, new in (
        ("maker(3)", "maker(4)"),
        ("y=(1, 2)", "y=(1, 3)"),
        ("(5, 5)", "(5, 6)"),
        ("x * x", "x + x"),
    ):
        code.write(steps=text)
        code.edit("steps", old, new)
        assert closure(code).digest != first.digest, new


def test_imports_inside_functions_are_followed(code: Code) -> None:
    """A late import hides nothing."""
    code.write(
        helpers=HELPERS,
        steps="""
        def entry(x):
            from helpers import scaled
            return scaled(x)
        """,
    )
    first = closure(code)
    code.edit("helpers", "math.floor", "math.ceil")
    assert closure(code).digest != first.digest


def test_first_party_decorators_are_followed(code: Code) -> None:
    """A decorator runs around the function: an edit of it counts."""
    code.write(
        helpers="""
        import functools

        def twice(function):
            @functools.wraps(function)
            def wrapper(x):
                return function(function(x))
            return wrapper
        """,
        steps="""
        from helpers import twice

        @twice
        def entry(x):
            return x + 1
        """,
    )
    first = closure(code)
    code.edit("helpers", "function(function(x))", "function(x)")
    assert closure(code).digest != first.digest


def test_own_decorators_do_not_count(code: Code) -> None:
    """`@ms.step` describes a function; adding or changing it changes nothing that the function does."""
    code.write(steps="import mainspring as ms\n\n@ms.step\ndef entry(*, x: int) -> int:\n    return x\n")
    first = code_closure(code.load("steps").entry.function)
    code.edit("steps", "@ms.step", '@ms.step(name="other", cache=True)')
    assert code_closure(code.load("steps").entry.function).digest == first.digest


def test_methods_of_annotated_arguments_count(code: Code) -> None:
    """A step calls methods of what it is given."""
    code.write(
        helpers="""
        class Config:
            def size(self):
                return 1
        """,
        steps="""
        from helpers import Config

        def entry(config: Config) -> int:
            return config.size()
        """,
    )
    first = closure(code)
    code.edit("helpers", "return 1", "return 2")
    assert closure(code).digest != first.digest


def test_dynamic_code_falls_back_to_modules_and_says_so(code: Code) -> None:
    """Where names cannot be followed, every first-party module that is imported counts."""
    code.write(
        helpers=HELPERS,
        steps="""
        import helpers

        def entry(name, x):
            return getattr(helpers, name)(x)
        """,
    )
    first = closure(code)
    assert any("module helpers as a value" in note for note in first.untraced)
    code.edit("helpers", "def unused(x):\n    return x", "def unused(x):\n    return x + 1")
    assert closure(code).digest != first.digest


def test_opaque_values_are_reported(code: Code) -> None:
    """A value without canonical form is named instead of ignored."""
    code.write(
        steps="""
        class Thing:
            pass

        THING = Thing()

        def entry():
            return THING
        """
    )
    assert closure(code).opaque == ("steps:THING (steps:Thing)",)


def test_sets_count_in_any_order(code: Code) -> None:
    """The order of a set depends on the process and means nothing."""
    code.write(
        steps='NAMES = {"b", "a", "c"}\n\ndef entry(x):\n    return x in NAMES or x in {"x", "y", "z"}\n'
    )
    first = closure(code)
    code.edit("steps", '{"b", "a", "c"}', '{"c", "b", "a"}')
    assert closure(code).digest == first.digest


def test_libraries_are_named_with_their_versions(code: Code) -> None:
    """Third-party code counts by its distribution's version."""
    code.write(
        steps="import polars as pl\nimport json\n\ndef entry(x):\n    return pl.DataFrame(json.loads(x))\n"
    )
    found = closure(code).libraries
    assert set(found) == {"polars"}
    assert found["polars"][0].isdigit()


def test_code_edited_after_it_was_loaded_is_not_taken_from_the_file(code: Code) -> None:
    """The digest is of the code that runs, not of a file that has moved on."""
    code.write(steps="def entry(x):\n    return x\n")
    function = code.load("steps").entry
    (code.folder / "steps.py").write_text("def entry(x):\n    return x + 1\n")
    assert any("byte code" in note for note in code_closure(function).untraced)
