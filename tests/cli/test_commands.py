"""The command line as people type it, in a process of its own where exit codes matter."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.permissions import bound_by_permissions
from typer.testing import CliRunner, Result

from mainspring.checks import expect
from mainspring.cli._app import app
from mainspring.errors import AccessError, InputError, IntegrityError, MainspringError, StateError
from mainspring.features.datasets import split
from mainspring.log import bars
from mainspring.project import open_project

CSV = "customer_id,updated_at,plan,spend\n1,2024-01-01T00:00:00Z,basic,9.5\n2,2024-01-02T00:00:00Z,pro,30\n"


def run(*words: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """`mainspring words…` in a fresh process."""
    return subprocess.run(
        [sys.executable, "-m", "mainspring", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={**os.environ, **environment},
    )


@pytest.fixture
def shop(tmp_path: Path, records_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A blank project with one group of two rows, on the database under test."""
    folder = tmp_path / "shop"
    done = CliRunner().invoke(app, ["init", str(folder)])
    assert done.exit_code == 0, done.output
    monkeypatch.setenv("MAINSPRING_RECORDS_URL", records_url)
    path = tmp_path / "customers.csv"
    path.write_text(CSV)
    with open_project(folder) as project:
        project.features.group("customers", keys=["customer_id"], event_time="updated_at").insert(path)
    return folder


def ask(*words: str) -> Result:
    """A command in this process; what mainspring refuses is raised."""
    done = CliRunner().invoke(app, list(words))
    if isinstance(done.exception, MainspringError):
        raise done.exception
    return done


def test_errors_are_four_parts_on_stderr_and_exit_one(tmp_path: Path) -> None:
    """A refusal says expected, got, where and what to do; nothing is printed on stdout; no traceback."""
    done = run("features", "list", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    for part in ("Error [input.invalid]", "expected:", "got:", "do:"):
        assert part in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.once
def test_a_folder_that_is_no_project_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By every command, and nothing is made in it; what Python opened there, or MAINSPRING_HOME names, is one."""
    plain = tmp_path / "plain"
    plain.mkdir()
    for words in (["runs", "list"], ["features", "list"], ["doctor"], ["adopt"]):
        with pytest.raises(InputError, match="no project there"):
            ask(*words, "-p", str(plain))
    assert list(plain.iterdir()) == []
    open_project(plain, importable=False).close()
    assert ask("runs", "list", "-p", str(plain)).exit_code == 0
    home = plain / ".mainspring"
    before = sorted(home.iterdir())
    with pytest.raises(InputError, match="got the home of project 'main'"):
        ask("runs", "list", "-p", str(home))
    with pytest.raises(InputError, match="got the home of project 'main'"):
        open_project(home, importable=False)
    assert sorted(home.iterdir()) == before
    monkeypatch.setenv("MAINSPRING_HOME", str(tmp_path / "elsewhere"))
    assert ask("runs", "list", "-p", str(plain)).exit_code == 0
    assert (tmp_path / "elsewhere" / "place").exists()


@pytest.mark.once
def test_a_damaged_metrics_file_is_said(tmp_path: Path) -> None:
    """Cut in half: four parts from whoever reads it, a finding of the doctor's, and no backup of it."""
    folder = tmp_path / "project"
    folder.mkdir()
    with (
        open_project(folder, importable=False) as project,
        project.tracking.run("one", experiment="e") as run,
    ):
        run.log(metrics={"loss": 1.0})
    file = folder / ".mainspring" / "records-metrics.db"
    os.truncate(file, 6144)
    with pytest.raises(IntegrityError, match=f"{file}: expected a metrics file"):
        ask("runs", "list", "-p", str(folder))
    with pytest.raises(IntegrityError, match=f"{file}: expected a metrics file"):
        ask("backup", str(tmp_path / "backups"), "-p", str(folder))
    done = ask("doctor", "-p", str(folder))
    assert (done.exit_code, done.exception.__class__) == (1, SystemExit)
    assert f"where: {file}" in done.output


@pytest.mark.once
@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_folders_that_cannot_be_used(shop: Path, tmp_path: Path) -> None:
    """In a file system of the kernel's, where a file lies, or among other files: refused by backup and restore."""
    with pytest.raises(AccessError, match="/proc/x: expected a folder"):
        ask("backup", "/proc/x", "-p", str(shop))
    with pytest.raises(AccessError, match="/dev/null: expected a folder"):
        ask("backup", "/dev/null", "-p", str(shop))
    before = sorted(shop.rglob("*"))
    with pytest.raises(StateError, match="expected a folder of backups"):
        ask("backup", str(shop), "-p", str(shop))
    assert [path for path in sorted(shop.rglob("*")) if path not in before] == []
    assert ask("backup", str(tmp_path / "backups"), "-p", str(shop)).exit_code == 0
    with pytest.raises(AccessError, match="expected a folder"):
        ask("restore", str(tmp_path / "backups"), "/proc/x")


def test_an_unknown_command_is_a_usage_error(tmp_path: Path) -> None:
    """Words that are no command give exit code 2 and a suggestion."""
    done = run("featurs", cwd=tmp_path)
    assert done.returncode == 2
    assert "features" in done.stderr


def test_a_closed_pipe_is_no_error(shop: Path) -> None:
    """`mainspring … | head -0` ends without a traceback."""
    command = f"'{sys.executable}' -m mainspring events -p '{shop}' --json | head -c 0"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr


def test_groups_commits_and_rows_are_shown(shop: Path) -> None:
    """What was inserted can be listed, as a table and as JSON."""
    assert "customers@1" in ask("features", "list", "-p", str(shop)).output
    (group,) = json.loads(ask("features", "list", "-p", str(shop), "--json").output)
    assert (group["group"], group["commits"]) == ("customers@1", 1)
    (commit,) = json.loads(ask("features", "commits", "customers", "-p", str(shop), "--json").output)
    assert (commit["number"], commit["n_rows"]) == (1, 2)
    rows = json.loads(ask("features", "head", "customers", "-p", str(shop), "--json").output)
    assert {row["plan"] for row in rows} == {"basic", "pro"}


def test_commits_say_which_expectations_they_broke(shop: Path) -> None:
    """The stored evidence names each broken expectation with its rows, also after the insert is forgotten."""
    with open_project(shop) as project:
        expectations = [expect.between("spend", 0, 10), expect.not_null("plan")]
        group = project.features.group(
            "customers", keys=["customer_id"], event_time="updated_at", expectations=expectations
        )
        group.insert(shop.parent / "customers.csv")
    commits = json.loads(ask("features", "commits", "customers", "-p", str(shop), "--json").output)
    assert commits[0]["broken"] == {}
    assert list(commits[1]["broken"].values()) == [1]
    assert "between(spend" in ask("features", "commits", "customers", "-p", str(shop)).output


def test_the_same_file_twice_is_one_commit(shop: Path, tmp_path: Path) -> None:
    """Inserting a file again from the command line changes nothing."""
    path = tmp_path / "more.csv"
    path.write_text(CSV.replace("2024", "2025"))
    first = json.loads(ask("features", "insert", "customers", str(path), "-p", str(shop), "--json").output)
    again = json.loads(ask("features", "insert", "customers", str(path), "-p", str(shop), "--json").output)
    assert first == again
    assert len(json.loads(ask("features", "commits", "customers", "-p", str(shop), "--json").output)) == 2


def test_numbers_that_json_lacks_are_told_from_no_value(shop: Path) -> None:
    """NaN, the infinities and null each have a word of their own, as a table and as JSON."""
    values = [math.nan, math.inf, -math.inf, None, 1.5]
    with open_project(shop) as project:
        odd = project.features.group("odd", keys=["id"])
        odd.insert(pl.DataFrame({"id": range(5), "value": pl.Series(values, dtype=pl.Float64)}))
    shown = ask("features", "head", "odd", "-p", str(shop)).output
    assert [line.split()[1] for line in shown.splitlines()[1:]] == ["nan", "inf", "-inf", "–", "1.5"]
    plain = json.loads(ask("features", "head", "odd", "-p", str(shop), "--json").output)
    assert [row["value"] for row in plain] == ["nan", "inf", "-inf", None, 1.5]


def test_groups_are_listed_where_nothing_may_be_written(shop: Path) -> None:
    """Whoever may only read a home that another keeps open can look at its groups."""
    with open_project(shop) as keeper:
        keeper.features.groups()
        places = [path for path in (shop, *shop.rglob("*")) if not path.is_symlink()]
        before = {path: path.stat().st_mode for path in places}
        for path in places:
            path.chmod(0o500 if path.is_dir() else 0o400)
        try:
            with bound_by_permissions():
                assert "customers@1" in ask("features", "list", "-p", str(shop)).output
        finally:
            for path, mode in before.items():
                path.chmod(mode)


def test_lineage_of_a_commit_is_a_tree(shop: Path) -> None:
    """A commit walks back to the file that it was read from."""
    (commit,) = json.loads(ask("features", "commits", "customers", "-p", str(shop), "--json").output)
    shown = ask("lineage", "upstream", commit["asset_id"], "-p", str(shop)).output
    assert f"commit 1 of customers@1  {commit['asset_id']}" in shown
    assert "source" in shown
    assert "insert" in shown
    plain = json.loads(ask("lineage", "upstream", commit["asset_id"], "-p", str(shop), "--json").output)
    assert {asset["kind"] for asset in plain["assets"]} == {"commit", "source"}
    (source,) = [asset for asset in plain["assets"] if asset["kind"] == "source"]
    assert commit["asset_id"] in ask("lineage", "downstream", source["id"], "-p", str(shop)).output


READS = [
    ["features", "list"],
    ["features", "views"],
    ["features", "datasets"],
    ["runs", "list"],
    ["runs", "experiments"],
    ["pipelines", "runs"],
    ["models", "list"],
    ["models", "aliases"],
    ["gates", "list"],
    ["deployments", "list"],
    ["monitors", "list"],
    ["monitors", "alerts"],
    ["lineage", "list"],
]


@pytest.mark.parametrize("words", READS, ids=" ".join)
def test_every_list_reads_an_almost_empty_project(shop: Path, words: list[str]) -> None:
    """Lists work before there is anything to list: a sentence for people, JSON for programs."""
    done = ask(*words, "-p", str(shop))
    assert done.exit_code == 0
    assert done.output.strip()
    assert isinstance(json.loads(ask(*words, "-p", str(shop), "--json").output), list)


UNKNOWN = [
    (["features", "show", "custmers"], "Did you mean 'customers"),
    (["features", "commits", "nothing@3"], "known feature group (there is: customers), got 'nothing'"),
    (["features", "commits", "customers@3"], "feature group 'customers': expected a known version"),
    (["runs", "show", "0" * 32], "run"),
    (["pipelines", "show", "0" * 32], "pipeline run"),
    (["pipelines", "run", "pipelines.training:nothing"], "known pipeline"),
    (["pipelines", "run", "nowhere:training"], "no module"),
    (["models", "show", "churn/1"], "model"),
    (["models", "show", "churn"], "NAME/NUMBER"),
    (["deployments", "show", "churn"], "deployment"),
    (["deployments", "predict", "churn", "--keys", "{broken"], "a JSON object"),
    (["deployments", "predict", "churn", "--keys", "[1]"], "a JSON object"),
    (["deployments", "log", "churn", "--from", "yesterday"], "deployment"),
    (["monitors", "findings", "drift"], "monitor"),
    (["lineage", "upstream", "order-1"], "mainspring deployments log"),
    (["lineage", "list", "--kind", "comit"], "Did you mean 'commit'"),
]


@pytest.mark.parametrize(
    ("words", "said"), UNKNOWN, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_names_that_do_not_exist_are_said(shop: Path, words: list[str], said: str) -> None:
    """A wrong name or value is refused with what there is, or what to write."""
    with pytest.raises(MainspringError) as refused:
        ask(*words, "-p", str(shop))
    assert said in f"{refused.value} {refused.value.hint}"


def test_a_training_dataset_is_shown_with_its_splits(shop: Path) -> None:
    """By name, with what it was made of and the columns of every split; of row keys no value."""
    with open_project(shop) as project:
        customers = project.features.get_group("customers")
        view = project.features.view("shop", features=[customers[customers.features]])
        rows = {
            "customer_id": [71717, 71718],
            "event_time": [datetime(2030, 1, day, tzinfo=UTC) for day in (1, 2)],
        }
        data = view.training_dataset(
            pl.DataFrame(rows), split=split.by_time(test_from=datetime(2030, 1, 2, tzinfo=UTC))
        )
        asset_id, digest = data.asset_id, data.digest
    told = json.loads(ask("features", "dataset", "shop", "-p", str(shop), "--json").output)
    assert (told["asset_id"], told["counts"]) == (asset_id, {"train": 1, "test": 1})
    assert {part: found["n_rows"] for part, found in told["splits"].items()} == {"train": 1, "test": 1}
    shown = ask("features", "dataset", digest[:12], "--split", "test", "-p", str(shop)).output
    assert "test: 1 rows" in shown
    assert "train:" not in shown
    assert "71717" not in json.dumps(told["splits"])


def test_training_datasets_are_listed_as_erasures_left_them(shop: Path) -> None:
    """With the digest that Python says, and how many rows are gone."""
    with open_project(shop) as project:
        customers = project.features.get_group("customers")
        view = project.features.view("shop", features=[customers[customers.features]])
        moment = datetime(2030, 1, 1, tzinfo=UTC)
        keys = customers.read().to_polars().select("customer_id")
        data = view.training_dataset(keys.with_columns(event_time=pl.lit(moment)))
        customers.erase({"customer_id": keys["customer_id"][0]}, reason="asked")
        assert data.digest != data.made_digest
        n_erased = data.erasures[0].n_rows
    (told,) = json.loads(ask("features", "datasets", "-p", str(shop), "--json").output)
    assert (told["id"], told["digest"], told["made_digest"]) == (
        data.asset_id, data.spec.edition, data.made_digest,
    )  # fmt: skip
    assert told["erased"] == n_erased > 0
    assert "erased" in ask("features", "datasets", "-p", str(shop)).output


def test_a_group_is_searched_kept_small_and_forgets(shop: Path, tmp_path: Path) -> None:
    """Search, compaction, vacuum, changes, next version, erasure: shown first, done when told to."""

    def told(*words: str) -> Any:
        return json.loads(ask("features", *words, "-p", str(shop), "--json").output)

    assert told("search", "customers")[0]["kind"] == "feature_group"
    assert told("search", "--jurisdiction", "EU", "--in-use") == told("search", "--deprecated") == []
    path = tmp_path / "more.csv"
    path.write_text(CSV.replace("2024", "2025"))
    ask("features", "insert", "customers", str(path), "-p", str(shop))
    assert told("compact", "customers")["n_files"] == 1
    assert told("vacuum", "customers", "--yes")["n_younger"] == 2
    assert {row["_change"] for row in told("changes", "customers", "1")} == {"inserted"}
    assert told("next-version", "customers", "--rename", "spent=spend")["rows"] == 4
    key = told("head", "customers", "-n", "1")[0]["customer_id"]
    assert told("erase", "customers", f"customer_id={key}")["receipt_id"] is None
    assert told("erase", "customers", f"customer_id={key}", "--yes", "--reason", "asked")["n_rows"] == 2
    assert key not in {row["customer_id"] for row in told("head", "customers")}
    again = ask("features", "erase", "customers", f"customer_id={key}", "-p", str(shop)).output
    assert "No such entity: nothing was erased." in again
    with pytest.raises(InputError, match="NAME=VALUE"):
        ask("features", "erase", "customers", "nobody", "-p", str(shop))


def test_no_bar_beside_json(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes long is told to a bar of the command line, which draws nothing while a program reads the output."""
    told: list[tuple[str, bool]] = []

    @contextmanager
    def watch(text: str, _total: int) -> Iterator[Any]:
        told.append((text, bars.hush(True)))
        bars.hush(told[-1][1])
        yield lambda: None

    monkeypatch.setattr(bars, "drawn", watch)
    path = tmp_path / "more.csv"
    path.write_text(CSV.replace("2024", "2025"))
    for words, hushed in ((["--json"], True), ([], False)):
        ask("features", "insert", "customers", str(path), "-p", str(shop), *words)
        assert told
        assert {quiet for _, quiet in told} == {hushed}
        assert any("files read" in text for text, _ in told)
        told.clear()
    assert bars.hush(False) is False


def test_names_are_completed(shop: Path) -> None:
    """Groups of the project that the command names; nothing where there is none, and nothing is made there."""

    def completed(*words: str) -> list[str]:
        line = " ".join(("mainspring", *words))
        asked = {
            "_MAINSPRING_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(words)),
        }
        done = run(cwd=shop.parent, **asked)
        assert not done.stderr
        return done.stdout.split()

    assert completed("features", "head", "-p", str(shop), "cust") == ["customers"]
    assert completed("features", "head", "-p", str(shop), "x") == []
    assert completed("features", "head", "cust") == []
    assert not list(shop.parent.glob(".mainspring"))


def test_an_erasure_names_what_has_the_entity(shop: Path) -> None:
    """A line for each dataset, with its name; all of it in JSON."""
    with open_project(shop) as project:
        group = project.features.get_group("customers")
        view = project.features.view("spending", features=[group["spend"]])
        spine = pl.DataFrame({"customer_id": [1, 2], "event_time": [datetime(2025, 1, 1, tzinfo=UTC)] * 2})
        data = view.training_dataset(spine, name="spring")
    words = ("features", "erase", "customers", "customer_id=1", "-p", str(shop))
    lines = ask(*words).stdout.splitlines()
    (line,) = [line.split() for line in lines if line.startswith("training dataset")]
    assert line == ["training", "dataset", "spring", data.asset_id, "1", "would", "be", "erased"]
    told = json.loads(ask(*words, "--json").stdout)
    assert (told["datasets"], told["names"]) == ({data.asset_id: 1}, {data.asset_id: "spring"})
