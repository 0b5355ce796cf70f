"""Pages of the Python reference: signatures and docstrings of the public names, as Markdown.

What is public is listed in `PAGES`: what users call, and what they are given back.
"""

from __future__ import annotations

import enum
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import import_module
from types import ModuleType
from typing import Any, Final

WIDTH: Final = 88
"""A signature that is longer has a line for each parameter."""
SECTIONS: Final = ("Args", "Attributes", "Returns", "Yields", "Raises", "Raises (when called)")


@dataclass(frozen=True)
class Page:
    """One page.

    Attributes:
        title: its heading.
        lead: what stands below it.
        names: `module:name` of functions, classes and modules of functions, in order; behind " = " how users reach it.
    """

    title: str
    lead: str
    names: tuple[str, ...]


PAGES: Final[dict[str, Page]] = {
    "project": Page(
        "Project",
        "`import mainspring as ms`; `project = ms.open(path)`. All else is reached from it.",
        (
            "mainspring.project:open_project = ms.open",
            "mainspring.project:Project",
            "mainspring.lineage.spec:Verdict = ms.Verdict",
            "mainspring.lineage.spec:AssetKind = ms.AssetKind",
        ),
    ),
    "features": Page(
        "Features: groups, commits, reads",
        "`project.features`. [How groups are used](../../guides/feature-groups.md).",
        (
            "mainspring.features.api:Features = project.features",
            "mainspring.features.group:FeatureGroup",
            "mainspring.features.column:column = ms.column",
            "mainspring.features.draft:draft_schema = ms.draft_schema",
            "mainspring.features.draft:SchemaDraft",
            "mainspring.features.reference:drift = ms.drift",
            "mainspring.features.insert.sql:sql = ms.sql",
            "mainspring.features.commits:Commit",
            "mainspring.features.read:Read",
            "mainspring.features.changes:Changes",
            "mainspring.features.push.api:Pushed",
            "mainspring.features.search:Found",
            "mainspring.features.upkeep.files:Compacted",
            "mainspring.features.upkeep.files:Vacuumed",
            "mainspring.features.erasure.spec:Erased",
            "mainspring.features.profiles:GroupProfile",
        ),
    ),
    "views": Page(
        "Features: views, training datasets, online reads",
        "What `features.view` gives. [How they are used](../../guides/training-datasets.md); "
        "[the rules of the join](../../concepts/point-in-time.md).",
        (
            "mainspring.features.group:Selection",
            "mainspring.features.api:request = ms.request",
            "mainspring.features.condition:spine = ms.spine",
            "mainspring.features.condition:Condition",
            "mainspring.features.on_demand:on_demand = ms.on_demand",
            "mainspring.features.view:FeatureView",
            "mainspring.features.view:JoinResult",
            "mainspring.features.join.side_report:SideReport",
            "mainspring.features.datasets.split = ms.split",
            "mainspring.features.transform = ms.transform",
            "mainspring.features.datasets.api:TrainingDataset",
            "mainspring.features.datasets.leakage:LeakageReport",
            "mainspring.features.datasets.leakage:LeakFinding",
            "mainspring.features.online.api:OnlineReader",
            "mainspring.features.online.api:Vector",
            "mainspring.features.online.api:Vectors",
        ),
    ),
    "wrangle": Page(
        "Wrangling",
        "`ms.wrangle`: plain functions over frames. [How they are used](../../guides/wrangling.md).",
        ("mainspring.features.wrangle = ms.wrangle",),
    ),
    "checks": Page(
        "Checks: suites, validations, profiles, drift",
        "`ms.expect`, `ms.suite`. [Every kind of expectation](../expectations.md); "
        "[how they are used](../../guides/expectations.md); [profiles](../../guides/profiles.md).",
        (
            "mainspring.checks.suite:suite = ms.suite",
            "mainspring.checks.suite:read_suite = ms.read_suite",
            "mainspring.checks.suite:Suite = ms.Suite",
            "mainspring.checks.spec:Expectation = ms.Expectation",
            "mainspring.checks.expect:of = ms.expect.of",
            "mainspring.checks.infer:infer = ms.expect.infer",
            "mainspring.checks.infer:as_python = ms.expect.as_python",
            "mainspring.checks.validate:validate",
            "mainspring.checks.validate:failing_rows",
            "mainspring.checks.spec:Validation",
            "mainspring.checks.spec:Result",
            "mainspring.checks.row:RowCheck",
            "mainspring.checks.great_expectations_result:to_gx_result",
            "mainspring.checks.profile:profile",
            "mainspring.checks.profile:pooled",
            "mainspring.checks.profile:Profile",
            "mainspring.checks.column:ColumnProfile",
            "mainspring.checks.quantiles:Quantiles",
            "mainspring.checks.batch:BatchDrift",
            "mainspring.checks.drift:drift",
            "mainspring.checks.drift:Drift",
        ),
    ),
    "tracking": Page(
        "Tracking",
        "`project.tracking`: runs, metrics, artifacts.",
        (
            "mainspring.tracking.api:Tracking = project.tracking",
            "mainspring.tracking.api:ActiveRun",
            "mainspring.tracking.api:Runs",
            "mainspring.tracking.spec:Run",
        ),
    ),
    "pipelines": Page(
        "Pipelines",
        "`project.pipelines`: steps that say what they depend on, and do no work twice. `ms.RESOURCE` is the default "
        "of parameters that a pipeline gives its steps itself: `features: Features = ms.RESOURCE`.",
        (
            "mainspring.pipelines.step:step = ms.step",
            "mainspring.pipelines.step:pipeline = ms.pipeline",
            "mainspring.pipelines.api:Pipelines = project.pipelines",
            "mainspring.pipelines.api:PipelineRun",
            "mainspring.pipelines.api:Outputs",
        ),
    ),
    "models": Page(
        "Models",
        "`ms.Model` and `project.models`: packages, versions, aliases.",
        (
            "mainspring.models.model:Model = ms.Model",
            "mainspring.models.api:Models = project.models",
            "mainspring.models.spec:ModelVersion",
            "mainspring.models.package:LoadedModel",
        ),
    ),
    "evaluation": Page(
        "Evaluation and gates",
        "`project.evaluation` writes evidence; `project.gates` decides from it.",
        (
            "mainspring.evaluation.check = ms.check",
            "mainspring.evaluation.api:Evaluation = project.evaluation",
            "mainspring.evaluation.report:Report",
            "mainspring.gates.api:Gates = project.gates",
            "mainspring.gates.spec:Decision",
        ),
    ),
    "serving": Page(
        "Serving and monitoring",
        "`project.deployments` answers; `project.monitors` looks back at what was answered.",
        (
            "mainspring.serving.api:Deployments = project.deployments",
            "mainspring.serving.deployment:Deployment",
            "mainspring.monitoring.api:Monitors = project.monitors",
            "mainspring.monitoring.spec:Finding",
        ),
    ),
    "lineage": Page(
        "Lineage",
        "`project.lineage` walks; `project.graph` has assets, executions, events and evidence.",
        (
            "mainspring.lineage.api:Graph = project.graph",
            "mainspring.lineage.spec:Asset",
            "mainspring.lineage.spec:Evidence",
        ),
    ),
    "testing": Page(
        "Testing",
        "`mainspring.testing`: unit tests of feature functions, and what every backend of a port must pass.",
        (
            "mainspring.testing.frames:sample_frame",
            "mainspring.testing.frames:check_feature_function",
            "mainspring.testing.frames:assert_frames_equal",
        ),
    ),
}


@dataclass
class Docstring:
    """A docstring in parts.

    Attributes:
        text: what stands before the first section, as Markdown.
        sections: heading → entries (name, text); of a section without names the name is "".
    """

    text: str
    sections: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    @classmethod
    def of(cls, thing: object) -> Docstring:
        """Of a function, class or property; empty where it has none of its own."""
        doc = inspect.cleandoc(getattr(thing, "__doc__", None) or "")
        heading = re.compile(rf"^({'|'.join(map(re.escape, SECTIONS))}):$", re.MULTILINE)
        parts = heading.split(doc)
        sections = {name: _entries(body) for name, body in zip(parts[1::2], parts[2::2], strict=True)}
        return cls(_markdown(parts[0]), sections)


def _entries(body: str) -> list[tuple[str, str]]:
    """`name: text` and what is indented below it; a section without names is one entry."""
    text = inspect.cleandoc(body)
    found: list[tuple[str, str]] = []
    for line in text.splitlines():
        named = re.match(r"^(\*{0,2}[\w.]+(?:, \*{0,2}[\w.]+)*): (.*)$", line)
        if named:
            found.append((named[1], named[2]))
        elif found and (line.startswith("    ") or not line.strip()):
            found[-1] = (found[-1][0], f"{found[-1][1]} {line.strip()}".rstrip())
        elif found and not found[-1][0]:
            found[-1] = ("", f"{found[-1][1]} {line.strip()}")
        else:
            found.append(("", line.strip()))
    return found


def _markdown(text: str) -> str:
    """Paragraphs on a line each; what is indented is code."""
    blocks = []
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        if block.startswith("    "):
            blocks.append(f"```python no-run\n{inspect.cleandoc(block)}\n```")
        elif block.strip():
            blocks.append(" ".join(line.strip() for line in block.splitlines()))
    return "\n\n".join(blocks)


@dataclass(frozen=True)
class Entry:
    """A public name of a page, or a member of one.

    Attributes:
        reach: how users write it: `ms.split.by_time`, `FeatureGroup.insert`.
        thing: the function, class or property.
        level: of its heading.
    """

    reach: str
    thing: Any
    level: int

    @cached_property
    def doc(self) -> Docstring:
        """Its docstring."""
        return Docstring.of(self.thing)

    @cached_property
    def parameters(self) -> list[inspect.Parameter]:
        """What a caller gives; [] for what is not called, and for results that are only given back."""
        called = self.thing
        if isinstance(called, type):
            if called.__name__ not in MADE:
                return []
            called = called.__init__
        if isinstance(called, property | cached_property):
            return []
        return [
            each for each in inspect.signature(called).parameters.values() if each.name not in ("self", "cls")
        ]

    def render(self) -> str:
        """Heading, signature, text, sections."""
        lines = [f"{'#' * self.level} `{self.reach}`", ""]
        if isinstance(self.thing, property | cached_property):
            kind = _annotation(_getter(self.thing).__annotations__.get("return"))
            lines += [f"Property: `{kind}`.", ""]
        elif not isinstance(self.thing, type) or self.parameters:
            lines += ["```python no-run", _signature(self), "```", ""]
        if self.doc.text:
            lines += [self.doc.text, ""]
        for heading, entries in self.doc.sections.items():
            if heading == "Args" and isinstance(self.thing, type) and not self.parameters:
                continue
            lines += [f"**{heading}**", "", *(_item(*entry) for entry in entries), ""]
        return "\n".join(lines)


def _item(name: str, text: str) -> str:
    names = ", ".join(f"`{each}`" for each in name.split(", "))
    return f"- {names}: {text}" if name else f"- {text}"


def _getter(found: Any) -> Callable[..., Any]:
    getter: Callable[..., Any] = found.fget if isinstance(found, property) else found.func
    return getter


def _signature(entry: Entry) -> str:
    name = entry.reach.rpartition(".")[2] if entry.level > 2 else entry.reach
    made = isinstance(entry.thing, type)
    returns = "" if made else _annotation(inspect.signature(entry.thing).return_annotation)
    words, star = [], False
    for each in entry.parameters:
        if each.kind is inspect.Parameter.KEYWORD_ONLY and not star:
            words.append("*")
            star = True
        star = star or each.kind is inspect.Parameter.VAR_POSITIONAL
        words.append(_parameter(each))
    ends = f" -> {returns}" if returns else ""
    short = f"{name}({', '.join(words)}){ends}"
    if len(short) <= WIDTH:
        return short
    return "\n".join([f"{name}(", *(f"    {word}," for word in words), f"){ends}"])


def _parameter(each: inspect.Parameter) -> str:
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}.get(each.kind, "")
    kind = _annotation(each.annotation)
    shown = f"{stars}{each.name}" + (f": {kind}" if kind else "")
    if each.default is inspect.Parameter.empty:
        return shown
    default = getattr(each.default, "__name__", None) or repr(each.default)
    return f"{shown} = {default}" if kind else f"{shown}={default}"


def _annotation(given: Any) -> str:
    if given is None or given is inspect.Parameter.empty:
        return "None" if given is None else ""
    return given if isinstance(given, str) else getattr(given, "__name__", str(given))


def entries(page: Page) -> Iterator[Entry]:
    """Every name of a page with its members, in the order in which they are written."""
    for name in page.names:
        address, _, reach = name.partition(" = ")
        module, _, attribute = address.partition(":")
        found = import_module(module)
        thing = getattr(found, attribute) if attribute else found
        called = reach or (attribute if isinstance(thing, type) else f"{module}.{attribute}")
        if isinstance(thing, ModuleType):
            yield from _of_module(thing, called)
        else:
            yield Entry(called, thing, 2)
            if isinstance(thing, type):
                yield from _members(thing, attribute)


def _of_module(module: ModuleType, reach: str) -> Iterator[Entry]:
    for name in getattr(module, "__all__", vars(module)):
        thing = getattr(module, name)
        own = getattr(thing, "__module__", "").startswith(module.__name__)
        is_public = own and not name.startswith("_") and name not in _INTERNAL
        if not is_public or not (inspect.isfunction(thing) or isinstance(thing, type)):
            continue
        yield Entry(f"{reach}.{name}", thing, 2)
        if isinstance(thing, type):
            yield from _members(thing, name)


MADE: Final = frozenset({"Model"})
"""Classes that users make; all others are given to them."""
_INTERNAL: Final = frozenset(
    {
        *("assign", "check_split", "check_parts", "empty_parts", "apply", "fit", "row_function"),
        *("SideReport.of", "SideReport.summed", "Model.restored", "OnlineReader.key_columns"),
        *("ColumnProfile.merge", "ColumnProfile.pooled", "ColumnProfile.relaid", "ColumnProfile.same_bins"),
        *("ColumnProfile.count_on", "ColumnProfile.find_registers", "Quantiles.merge"),
        *("Graph.check_writable", "Graph.check_stands", "Graph.check_usable", "Graph.check_there"),
        *("Graph.lose", "Graph.works", "Graph.hidden", "Condition.of"),
    }
)
"""What the house calls itself: functions of modules, and methods."""


def _members(thing: type, reach: str) -> Iterator[Entry]:
    if issubclass(thing, enum.Enum):
        return
    for base in reversed(thing.__mro__):
        if not base.__module__.startswith("mainspring"):
            continue
        for name, member in vars(base).items():
            plain = member.__func__ if isinstance(member, classmethod | staticmethod) else member
            is_called = inspect.isfunction(plain) or isinstance(plain, property | cached_property)
            shown = not name.startswith("_") or name == "__getitem__"
            is_left_out = getattr(thing, name, None) is None or f"{thing.__name__}.{name}" in _INTERNAL
            if shown and is_called and not is_left_out:
                yield Entry(f"{reach}.{name}", plain, 3)


def given_back(page: Page) -> list[Entry]:
    """Classes of ours that what is on the page gives back, and that no page lists: values to read."""
    listed = _listed()
    found: dict[type, Entry] = {}
    for entry in entries(page):
        if isinstance(entry.thing, type):
            continue
        getter = entry.thing if inspect.isfunction(entry.thing) else _getter(entry.thing)
        for word in re.findall(r"[A-Z]\w+", str(getter.__annotations__.get("return", ""))):
            thing = inspect.unwrap(getter).__globals__.get(word)
            if isinstance(thing, type) and thing.__module__.startswith("mainspring") and thing not in listed:
                found.setdefault(thing, Entry(word, thing, 2))
    return list(found.values())


@cache
def _listed() -> frozenset[Any]:
    return frozenset(entry.thing for each in PAGES.values() for entry in entries(each))


def page_text(page: Page) -> str:
    """The whole page."""
    head = [
        f"# {page.title}",
        "",
        "Written by `scripts/write_reference.py` from docstrings and signatures.",
        "",
    ]
    told = [entry.render() for entry in [*entries(page), *given_back(page)]]
    return "\n".join([*head, page.lead, "", *told]).rstrip() + "\n"
