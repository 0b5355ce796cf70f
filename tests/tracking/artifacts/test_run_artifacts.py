"""The files of a run: kept and read, while it goes on and when it is over."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import polars as pl
import pytest

from mainspring.errors import ConflictError, InputError, IntegrityError, StateError, UnknownNameError
from mainspring.lineage import AssetKind, Graph
from mainspring.tracking import ActiveRun, Tracking
from mainspring.tracking.artifacts.spec import Entry


@pytest.fixture
def tracking(graph: Graph) -> Tracking:
    return Tracking(graph)


@pytest.fixture
def over(tracking: Tracking) -> ActiveRun:
    """A run that is over, with three files."""
    with tracking.run("over") as run:
        for path in ("a.txt", "plots/roc.svg", "plots/deep/er.txt"):
            run.artifact(path, path.encode())
    return run


def test_a_folder_is_listed_one_level_at_a_time(tracking: Tracking, over: ActiveRun) -> None:
    """Files have sizes, folders have none; a name that only begins like a folder's is not in it."""
    files = tracking.artifacts(over.id)
    files.put("plots2/x", b"")
    assert files.entries() == [
        Entry(path="a.txt", is_folder=False, size_bytes=5),
        Entry(path="plots", is_folder=True, size_bytes=None),
        Entry(path="plots2", is_folder=True, size_bytes=None),
    ]
    assert [entry.path for entry in files.entries("plots")] == ["plots/deep", "plots/roc.svg"]
    assert files.entries("plots/roc.svg") == []
    assert files.entries("nothing") == []
    assert [file.name for file in files.files("plots")] == ["plots/deep/er.txt", "plots/roc.svg"]


def test_wildcards_are_names(tracking: Tracking) -> None:
    """A folder called like a pattern is that folder alone."""
    with tracking.run("named") as run:
        run.artifact("a_b/x", b"1")
        run.artifact("aXb/x", b"2")
        run.artifact("%/x", b"3")
    files = tracking.artifacts(run.id)
    assert [file.name for file in files.files("a_b")] == ["a_b/x"]
    assert files.delete("%") == 1
    assert [entry.path for entry in files.entries()] == ["aXb", "a_b"]


def test_equal_files_are_one_blob(tracking: Tracking, graph: Graph) -> None:
    """Whatever they are called and whichever run has them."""
    before = len(list(graph.blobs.walk()))
    kept = []
    for name in ("one", "other"):
        with tracking.run(name) as run:
            kept += [run.artifact(path, b"the same bytes") for path in ("a", f"{name}/b")]
    assert len({artifact.sha256 for artifact in kept}) == 1
    # And what is installed here, which both runs have.
    assert len(list(graph.blobs.walk())) <= before + 2


def test_a_late_artifact_is_an_asset_at_once(tracking: Tracking, graph: Graph, over: ActiveRun) -> None:
    """Made by an execution of its own that is a part of the run; the same again changes nothing."""
    files = tracking.artifacts(over.id)
    kept = files.put("late.txt", b"late")
    asset = graph.get_asset(kept.asset_id)
    assert (asset.kind, asset.digest) == (AssetKind.ARTIFACT, kept.sha256)
    execution = graph.find_execution(asset.execution_id)
    assert execution is not None
    assert (execution.kind, execution.parent_id) == ("artifact", over.id)
    assert files.put("late.txt", b"late") == kept
    assert len(graph.find_assets(kind=AssetKind.ARTIFACT, name="late.txt")) == 1


def test_what_comes_from_elsewhere_while_it_runs_is_published_with_it(
    tracking: Tracking, graph: Graph
) -> None:
    """Another process keeps a file of an open run: it becomes an asset when the run finishes."""
    with tracking.run("open") as run:
        kept = tracking.artifacts(run.id).put("from/elsewhere", b"x")
        assert graph.find_asset(kept.asset_id) is None
    assert graph.get_asset(kept.asset_id).execution_id == run.id
    assert graph.get_asset(run.asset_id).attributes["artifacts"] == {"from/elsewhere": kept.sha256}


def test_other_content_takes_the_place_only_where_told(
    tracking: Tracking, graph: Graph, over: ActiveRun
) -> None:
    """What a run's file was stays on record."""
    files = tracking.artifacts(over.id)
    before = files.get("a.txt")
    with pytest.raises(ConflictError, match=r"a\.txt"):
        files.put("a.txt", b"other")
    assert files.read("a.txt") == b"a.txt"
    after = files.put("a.txt", b"other", replace=True)
    assert files.read("a.txt") == b"other"
    assert graph.get_asset(before.asset_id).digest == before.sha256
    assert graph.get_asset(after.asset_id).digest == after.sha256


@pytest.mark.parametrize("path", ["a.txt/below", "plots", "plots/deep"])
def test_a_file_is_no_folder(tracking: Tracking, over: ActiveRun, path: str) -> None:
    """A path that is a file's cannot be a folder's too: it could not be downloaded."""
    with pytest.raises(ConflictError, match="choose another name"):
        tracking.artifacts(over.id).put(path, b"x", replace=True)


@pytest.mark.parametrize("path", ["", "../x", "/etc/passwd", "a\\b", "%2e%2e/x", "a\0"])
def test_a_path_is_read_by_the_resolver(tracking: Tracking, over: ActiveRun, path: str) -> None:
    """Also for our own client, and before any byte is kept."""
    with pytest.raises(InputError, match="Invalid path"):
        tracking.artifacts(over.id).put(path, b"x")


def test_deleting_takes_out_and_is_on_record(tracking: Tracking, graph: Graph, over: ActiveRun) -> None:
    """A file, then a folder, then everything; the assets stay, marked as deleted."""
    files = tracking.artifacts(over.id)
    gone = files.get("a.txt")
    assert files.delete("a.txt") == 1
    assert files.find("a.txt") is None
    assert gone.asset_id in graph.deleted()
    assert graph.get_asset(gone.asset_id).digest == gone.sha256
    with pytest.raises(UnknownNameError, match=r"a\.txt"):
        files.delete("a.txt")
    assert files.delete("plots") == 2
    assert files.delete() == 0
    assert [event.kind for event in graph.events()].count("artifact.deleted") == 3
    assert files.put("a.txt", b"again").asset_id != gone.asset_id


def test_deleting_while_it_runs_leaves_nothing(tracking: Tracking, graph: Graph) -> None:
    """What was never published was never an asset."""
    with tracking.run("open") as run:
        kept = run.artifact("a/b", b"x")
        assert run.artifacts.delete("a") == 1
    assert tracking.artifacts(run.id).files() == []
    assert graph.find_asset(kept.asset_id) is None


def test_an_unknown_run_and_an_archived_one_keep_nothing(
    tracking: Tracking, graph: Graph, over: ActiveRun
) -> None:
    """There is no run, or it is refused for new use."""
    with pytest.raises(UnknownNameError):
        tracking.artifacts("nobody")
    with pytest.raises(UnknownNameError, match="Run with id=nobody not found"):
        type(over.artifacts)(graph, "nobody").put("a", b"")


def test_a_file_streams_in_and_out_in_little_memory(tracking: Tracking, tmp_path: Path) -> None:
    """Kept from a file and downloaded to one."""
    size = 48 << 20
    source = tmp_path / "large"
    with source.open("wb") as file:
        file.truncate(size)
    with tracking.run("large") as run:
        tracemalloc.start()
        try:
            run.artifact("large", source)
            (place,) = run.artifacts.download(tmp_path / "to")
            assert tracemalloc.get_traced_memory()[1] < 8 << 20
        finally:
            tracemalloc.stop()
    assert place.stat().st_size == size


def test_damage_is_not_downloaded(tracking: Tracking, graph: Graph, over: ActiveRun, tmp_path: Path) -> None:
    """Nothing is left of a download that turns out to be of other bytes."""
    place = graph.blobs.path(tracking.artifacts(over.id).get("a.txt").sha256)
    place.chmod(0o644)
    place.write_bytes(b"wrong")
    with pytest.raises(IntegrityError):
        tracking.artifacts(over.id).download(tmp_path / "to", "a.txt")
    assert list((tmp_path / "to").iterdir()) == []


def test_a_folder_goes_in_and_comes_out(tracking: Tracking, tmp_path: Path) -> None:
    """With what is in it, below a folder of the run."""
    source = tmp_path / "source"
    (source / "deep").mkdir(parents=True)
    (source / "a").write_bytes(b"1")
    (source / "deep" / "b").write_bytes(b"2")
    (source / "link").symlink_to(source / "a")
    with tracking.run("folder") as run:
        kept = run.artifacts.put_folder(source, "model")
        assert [artifact.name for artifact in kept] == ["model/a", "model/deep/b", "model/link"]
    placed = tracking.artifacts(run.id).download(tmp_path / "to", "model/deep")
    assert [place.relative_to(tmp_path / "to").as_posix() for place in placed] == ["model/deep/b"]
    assert placed[0].read_bytes() == b"2"
    with pytest.raises(UnknownNameError):
        tracking.artifacts(run.id).download(tmp_path / "to", "mode")


@pytest.mark.parametrize("kind", ["file", "folder", "pipe", "dangling"])
def test_a_folder_that_leads_out_is_refused(tracking: Tracking, tmp_path: Path, kind: str) -> None:
    """A link out of it, or what is no file: nothing of the folder is kept."""
    source, secret = tmp_path / "source", tmp_path / "secret"
    source.mkdir()
    (source / "a").write_bytes(b"1")
    if kind == "pipe":
        os.mkfifo(source / "z")
    else:
        if kind == "file":
            secret.write_bytes(b"secret")
        elif kind == "folder":
            secret.mkdir()
        (source / "z").symlink_to(secret)
    with tracking.run("folder") as run:
        with pytest.raises(InputError, match="z"):
            run.artifacts.put_folder(source)
        assert run.artifacts.files() == []


@pytest.mark.parametrize("path", ["plots", "plots/roc.svg"])
def test_a_download_follows_no_link(tracking: Tracking, over: ActiveRun, tmp_path: Path, path: str) -> None:
    """A link that waits where a folder or a file goes leads nowhere."""
    to, elsewhere = tmp_path / "to", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (to / path).parent.mkdir(parents=True)
    (to / path).symlink_to(elsewhere / "x" if path.endswith("svg") else elsewhere)
    with pytest.raises(InputError, match="link"):
        tracking.artifacts(over.id).download(to, "plots/roc.svg")
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_a_table_comes_back(tracking: Tracking, suffix: str) -> None:
    """Rows are kept in the format that the name says."""
    rows = pl.DataFrame({"carrier": ["AA", "UA"], "late": [1, 2]})
    with tracking.run("table") as run:
        run.artifacts.put_table(f"rows.{suffix}", rows.to_pandas())
    assert tracking.artifacts(run.id).read_table(f"rows.{suffix}").equals(rows)


def test_a_figure_is_kept_as_its_name_says(tracking: Tracking) -> None:
    """The same figure twice is the same bytes."""
    figure_module = pytest.importorskip("matplotlib.figure")
    figure = figure_module.Figure(figsize=(1, 1))
    figure.add_subplot().plot([0, 1], [1, 0])
    with tracking.run("figure") as run:
        kept = run.artifacts.put_figure("a.png", figure)
        assert run.artifacts.put_figure("b.png", figure).sha256 == kept.sha256
        assert run.artifacts.read("a.png").startswith(b"\x89PNG")
        with pytest.raises(InputError, match="savefig"):
            run.artifacts.put_figure("c.png", object())
        with pytest.raises(InputError, match=r"\.png, \.svg"):
            run.artifacts.put_figure("c.gif", figure)


def test_plain_data_is_kept_as_json(tracking: Tracking) -> None:
    """And anything else is refused."""
    with tracking.run("json") as run:
        run.artifacts.put_json("a.json", {"é": [1, None]})
        assert run.artifacts.read("a.json").decode() == '{\n "é": [\n  1,\n  null\n ]\n}'
        with pytest.raises(InputError, match="plain data"):
            run.artifacts.put_json("b.json", {1, 2})


def test_a_run_that_is_not_open_keeps_nothing_by_its_handle(over: ActiveRun) -> None:
    """The handle of a run that is over refuses; its `artifacts` go on."""
    with pytest.raises(StateError):
        over.artifact("b", b"")
