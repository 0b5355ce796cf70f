"""What holds of the house as a whole: what an import costs, what the package says of itself, that its wheel lives."""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import mainspring
from tests.order import SECONDS, TESTS

ROOT = Path(__file__).parents[1]
HEAVY = {
    "alembic",
    "cbor2",
    "deltalake",
    "fastapi",
    "granian",
    "httpx",
    "lmdb",
    "matplotlib",
    "msgspec",
    "numpy",
    "pandas",
    "polars",
    "psycopg",
    "pyarrow",
    "pydantic",
    "scipy",
    "skops",
    "sklearn",
    "sqlalchemy",
    "starlette",
    "structlog",
    "uvicorn",
}


def _fresh(code: str) -> str:
    """What a fresh interpreter prints; without site packages that pre-import things of their own (.pth files)."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def _modules_after(statement: str) -> set[str]:
    code = (
        f"import sys\nbefore = set(sys.modules)\n{statement}\nprint(*(set(sys.modules) - before), sep='\\n')"
    )
    return set(_fresh(code).split())


def test_importing_costs_next_to_nothing() -> None:
    """`import mainspring` loads no library of ours or of others but itself."""
    loaded = _modules_after("import mainspring")
    assert not HEAVY & {name.split(".")[0] for name in loaded}
    assert {name for name in loaded if name.startswith("mainspring")} == {"mainspring"}
    assert len(loaded) <= 60, sorted(loaded)


@pytest.mark.parametrize("module", ["mainspring.errors", "mainspring.types", "mainspring.cli._app"])
def test_the_light_modules_load_nothing_heavy(module: str) -> None:
    """Errors, types and the whole command line load no numpy, polars, SQLAlchemy, scikit-learn or web framework."""
    loaded = _modules_after(f"import {module}")
    assert not HEAVY & {name.split(".")[0] for name in loaded}


def test_help_is_light() -> None:
    """`mainspring --help` ends before anything heavy is loaded."""
    code = (
        "import sys\n"
        "from mainspring.cli import main\n"
        "sys.argv = ['mainspring', '--help']\n"
        "try:\n    main()\n"
        "except SystemExit as done:\n    assert done.code == 0\n"
        "print('MODULES', *sys.modules)"
    )
    shown, _, modules = _fresh(code).partition("MODULES")
    loaded = set(modules.split())
    assert "lineage" in shown
    assert not HEAVY & {name.split(".")[0] for name in loaded}
    assert len(loaded) <= 300, len(loaded)


def test_configuration_loads_nothing_but_pydantic() -> None:
    """Reading the configuration needs its validation library and no other."""
    loaded = {name.split(".")[0] for name in _modules_after("import mainspring.config")}
    assert HEAVY & loaded == {"pydantic"}


def test_a_project_loads_a_room_when_it_is_used() -> None:
    """What opens a project loads the graph and its database library: no frames, no statistics, no model library."""
    loaded = _modules_after("import mainspring.project")
    assert not {"numpy", "polars", "scipy", "sklearn", "deltalake", "lmdb", "structlog"} & {
        n.split(".")[0] for n in loaded
    }
    rooms = {name for name in loaded if re.fullmatch(r"mainspring\.\w+\.api", name)}
    assert rooms == {"mainspring.lineage.api"}


@pytest.mark.parametrize("name", mainspring.__all__)
def test_every_public_name_is_there(name: str) -> None:
    """The table of public names points at things that exist, and `dir` lists them."""
    assert getattr(mainspring, name) is not None
    assert name in dir(mainspring)


def test_an_unknown_public_name_says_what_there_is() -> None:
    """A wrong attribute is an AttributeError that lists the right ones."""
    with pytest.raises(AttributeError, match="on_demand"):
        mainspring.on_demnad  # noqa: B018 - the access is the test


def test_versions_agree() -> None:
    """pyproject, the package and the changelog name the same version."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert declared == mainspring.__version__
    headings = re.findall(
        r"^## \[?(\d+\.\d+\.\d+|Unreleased)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
    )
    assert headings[0] in {declared, "Unreleased"}


def test_constraints_pin_every_dependency_and_name_no_host() -> None:
    """The constraints file has an exact version of all that we declare, and no index or address."""
    text = (ROOT / "constraints.txt").read_text()
    assert "://" not in text
    pins = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9_.+!-]+", line) for line in pins)
    pinned = {_normal(line.split("==")[0]) for line in pins}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    declared = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    for extra in project["project"]["optional-dependencies"].values():
        declared += extra
    names = {_normal(re.split(r"[\[<>=!~ ]", each)[0]) for each in declared} - {"mainspring"}
    assert names <= pinned


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_dependency_is_justified() -> None:
    """No library without a reason on the page about dependencies."""
    page = (ROOT / "decisions" / "0001-dependencies.md").read_text().lower()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = [
        *project["dependencies"],
        *(each for extra in project["optional-dependencies"].values() for each in extra),
    ]
    names = {_normal(re.split(r"[\[<>=!~ ]", each)[0]) for each in declared} - {"mainspring"}
    assert {name for name in names if f"`{name}`" not in page} == set()


def test_tracked_files_name_no_machine() -> None:
    """Nothing that is committed holds a path of one machine."""
    done = subprocess.run(
        [
            "git",
            "grep",
            "-nIE",
            r"(^|[^A-Za-z0-9_.])/(work|root|home/[a-z]+)/",
            "--",
            ".",
            ":!.gitignore",
            ":!tests/test_house.py",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 128:
        pytest.skip("not a Git checkout")
    assert done.stdout == ""


def test_files_that_go_first_are_there() -> None:
    """A file that was moved or renamed would wait for its turn among the short ones."""
    assert [name for name in SECONDS if not (TESTS / name).is_file()] == []


@pytest.mark.wheel
def test_the_wheel_lives_in_an_empty_environment(tmp_path: Path) -> None:
    """The built wheel, with what it and its demo extra ask for and nothing else, lives a small story to its end."""
    dist, home = tmp_path / "dist", tmp_path / "elsewhere"
    home.mkdir()
    _must(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(dist), str(ROOT)],
        tmp_path,
    )
    (wheel,) = dist.glob("*.whl")
    venv.create(home / "venv", with_pip=True)
    python = home / "venv" / "bin" / "python"
    _link_needs(wheel, "demo", next((home / "venv" / "lib").glob("python*")) / "site-packages")
    # No index: what the wheel asks for and does not find is an error.
    words = ["--no-index", "--constraint", str(ROOT / "constraints.txt"), f"{wheel}[demo]"]
    _must([str(python), "-m", "pip", "install", "--quiet", *words], home)
    mainspring_bin = str(python.with_name("mainspring"))
    where = _must([str(python), "-c", "import mainspring; print(mainspring.__file__)"], home).strip()
    assert Path(where).is_relative_to(home)
    assert "absent" in _must(
        [str(python), "-c", "try: import pytest\nexcept ImportError: print('absent')"], home
    )
    told = _must([mainspring_bin, "demo", "story", "--small"], home, seconds=420)
    assert "Traceback" not in told
    groups = _must([mainspring_bin, "features", "list", "--project", "story"], home)
    assert "weather" in groups
    assert (home / "story" / "mainspring.toml").exists()


def _link_needs(wheel: Path, extra: str, site: Path) -> None:
    """Link what a wheel asks for, and what that asks for, from this environment: to unpack it again takes a minute."""
    (built,) = importlib.metadata.distributions(path=[str(wheel)])
    waiting, known = [(built, extra)], set[tuple[str, str]]()
    while waiting:
        found, extra = waiting.pop()
        for line in found.requires or []:
            asked = Requirement(line)
            if asked.marker is not None and not asked.marker.evaluate({"extra": extra}):
                continue
            for each in ("", *asked.extras):
                needed = (
                    built
                    if _normal(asked.name) == "mainspring"
                    else importlib.metadata.distribution(asked.name)
                )
                if (key := (_normal(asked.name), each)) not in known:
                    known.add(key)
                    waiting.append((needed, each))
                    _link(needed, site)


def _link(needed: importlib.metadata.Distribution, site: Path) -> None:
    tops = {file.parts[0] for file in needed.files or []} - {"..", "__pycache__"}
    for top in tops if needed.name != "mainspring" else ():
        if not (site / top).exists():
            (site / top).symlink_to(Path(str(needed.locate_file(top))))


def _must(words: list[str], cwd: Path, seconds: float = 300) -> str:
    done = _run(words, cwd, seconds)
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _run(words: list[str], cwd: Path, seconds: float) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL"))
    }
    return subprocess.run(
        words, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=seconds
    )
