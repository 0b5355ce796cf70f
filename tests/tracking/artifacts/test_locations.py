"""What clients may name, and every way out that they may not."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.errors import InputError
from mainspring.tracking.artifacts import locations
from mainspring.tracking.artifacts.locations import Member, Owner, Place, Source

RUN = "0123456789abcdef0123456789abcdef"
MODEL = f"m-{RUN}"
SHARED = "file:///shared/artifacts"

GOOD = [
    "a.txt",
    "plots/roc.png",
    "model/MLmodel",
    "an artifact.txt",
    "100%.txt",
    "a%20b.txt",
    "50%25.txt",
    "..hidden/a..b/c...txt",
    ".gitignore",
    "naïve/日本語.csv",
    "loss:train.txt",
    "a/" * 40 + "deep",
]

TRAVERSALS = [
    "..",
    "../a",
    "a/../../b",
    "a/..",
    "./a",
    "a/./b",
    "a//b",
    "",
    ".. /a",
    "a/.../b",
    "%2e%2e/a",
    "%2E%2e%2fetc",
    "%252e%252e/a",
    "%25252e%25252e%25252fetc",
    "a/%2e%2e/%2e%2e/b",
    "..%2fa",
    "%2e%2e%5ca",
    "..%c0%afetc",
    "%c0%ae%c0%ae/a",
]

ABSOLUTE = [
    "/etc/passwd",
    "//host/share",
    "%2fetc",
    "%252fetc",
    "file:/etc/passwd",
    "file:///etc",
    "FILE:etc",
    "s3://b/a",
]

WINDOWS = ["C:\\a", "C:a", "c:/a", "a\\b", "..\\a", "\\\\host\\share", "a%5c..%5cb", "%255c", "a/C:\\b"]

UNSEEN = [
    "a\0b",
    "a%00.png",
    "a%2500",
    "a\nb",
    "a\rb",
    "a\tb",
    "\x7f",
    "a\u2028b",
    "a\udc80b",
    "a%0ab",
    "\ufffd",
]

CUT_OFF = ["a#b", "#/../../etc", "a%23/../b"]

OVERSIZE = ["a" * 256, "a/" * 600 + "b", "é" * 128, "%25" * 10 + "2e2e/a" * 200]

DEEP = ["%2525252525252525252e"]


@pytest.mark.parametrize("path", GOOD)
def test_a_path_is_taken_as_it_is(path: str) -> None:
    """Names of any language, dots, blanks and percent signs are names."""
    assert locations.read_path(path, "test") == path
    assert locations.read_folder(f"{path}/", "test") == path


@pytest.mark.parametrize("path", [*TRAVERSALS, *ABSOLUTE, *WINDOWS, *UNSEEN, *CUT_OFF, *OVERSIZE, *DEEP])
def test_a_way_out_is_refused(path: str) -> None:
    """In every encoding."""
    with pytest.raises(InputError, match="Invalid path"):
        locations.read_path(path, "test")


@pytest.mark.parametrize("path", [*TRAVERSALS[:-1], "a\\b", *UNSEEN, *CUT_OFF, *OVERSIZE, *DEEP])
def test_a_way_out_is_refused_behind_a_folder(path: str) -> None:
    """Also in the middle of a path, of a place and of a URI."""
    for read in (
        lambda: locations.read_path(f"plots/{path}/x", "test"),
        lambda: locations.read_place(f"1/{RUN}/artifacts/{path}/x", "test"),
        lambda: locations.read_location(f"mlflow-artifacts:/team/{path}/x", [], "test"),
        lambda: locations.read_source(f"runs:/{RUN}/{path}/x", [], "test"),
    ):
        with pytest.raises(InputError, match="Invalid path"):
            read()


@pytest.mark.parametrize("folder", [None, "", "a", "a/b/"])
def test_a_folder_may_be_the_top(folder: str | None) -> None:
    """Nothing means all; one slash may end it."""
    assert locations.read_folder(folder, "test") == (folder or "").rstrip("/")


@pytest.mark.parametrize("folder", ["/", "//", "a//", "..", "../"])
def test_a_folder_leads_nowhere_else(folder: str) -> None:
    """A folder is refused like a file."""
    with pytest.raises(InputError, match="Invalid path"):
        locations.read_folder(folder, "test")


@given(st.text(max_size=60), st.integers(0, 4))
def test_no_decoding_leads_out(text: str, times: int) -> None:
    """Whatever is taken stays inside, also for whoever decodes it once more than we did."""
    for _ in range(times):
        text = quote(text, safe="")
    try:
        path = locations.read_path(text, "test")
    except InputError:
        return
    for _ in range(8):
        assert not path.startswith("/")
        assert not {"", ".", ".."} & set(path.split("/"))
        assert not set(path) & {"\\", "\0", "#"}
        path = unquote(path)


def test_a_place_says_whose_it_is() -> None:
    """A run's or a model's artifacts below whatever prefix; a prefix may look like one."""
    read = locations.read_place
    assert read(f"7/{RUN}/artifacts/a/b.txt", "test") == [Place("7", Owner.RUN, RUN, "a/b.txt")]
    assert read(f"7/{RUN}/artifacts", "test") == [Place("7", Owner.RUN, RUN, "")]
    assert read(f"7/models/{MODEL}/artifacts/MLmodel", "test") == [Place("7", Owner.MODEL, MODEL, "MLmodel")]
    assert read(f"{RUN}/artifacts/a", "test") == [Place("", Owner.RUN, RUN, "a")]
    assert read(f"x/y/artifacts/{RUN}/artifacts/a", "test") == [
        Place("x", Owner.RUN, "y", f"{RUN}/artifacts/a"),
        Place("x/y/artifacts", Owner.RUN, RUN, "a"),
    ]
    for nobody in ("", "7", "artifacts", f"7/{RUN}", "artifacts/a", "a b/c d/artifacts/e"):
        assert read(nobody, "test") == []


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        ("mlflow-artifacts:/", "mlflow-artifacts:"),
        ("mlflow-artifacts:/team/one", "mlflow-artifacts:/team/one"),
        ("mlflow-artifacts:///team/one/", "mlflow-artifacts:/team/one"),
        ("file:///shared/artifacts", SHARED),
        ("file:/shared/artifacts/a%20b", f"{SHARED}/a%20b"),
        ("FILE://localhost/shared/artifacts/x", f"{SHARED}/x"),
        ("s3://bucket/runs/x", "s3://bucket/runs/x"),
    ],
)
def test_a_location_has_one_form(given: str, plain: str) -> None:
    """What is below an allowed place, or kept by the server, is taken, in its plainest form."""
    assert locations.read_location(given, [SHARED, "s3://bucket/runs"], "test") == plain


SENT_ELSEWHERE = [
    "http://169.254.169.254/latest/meta-data",
    "https://example.com/x",
    "ftp://example.com/x",
    "gopher://localhost:6379/_",
    "mlflow-artifacts://other.example.com/x",
    "mlflow-artifacts://@other/x",
    "dbfs:/x",
    "data:text/plain,x",
    "javascript:alert(1)",
    "jar:file:///x",
]
OUTSIDE = [
    "file:///etc",
    "file:///shared/artifacts2",
    "file:///shared/artifacts/../../etc",
    "file:///shared/artifacts/%2e%2e/x",
    "file:///shared/artifacts/%252e%252e/x",
    "file://host/shared/artifacts/x",
    "file:////shared/artifacts/x",
    "file:///shared/artifacts/x#/../../../etc",
    "file:///shared/artifacts/x?y=/../../etc",
    "file:///shared/artifacts/a\\..\\b",
    "file:///shared/artifacts/a%00",
    "fi\nle:///shared/artifacts/a",
    "s3://bucket/other",
    "s3://user:secret@bucket/runs/x",
    "s3://bucket:80/runs/x",
    "s3:///runs/x",
    "mlflow-artifacts:/a/../b",
    "mlflow-artifacts:/#x",
    "/etc/passwd",
    "relative/folder",
    "C:\\folder",
    "",
    "file:///shared/artifacts/" + "a/" * 1200,
    "http://[",
]


@pytest.mark.parametrize("given", [*SENT_ELSEWHERE, *OUTSIDE])
def test_a_location_of_elsewhere_is_refused(given: str) -> None:
    """No other server, no other folder, by no spelling."""
    with pytest.raises(InputError, match="Invalid path"):
        locations.read_location(given, [SHARED, "s3://bucket/runs"], "test")
    with pytest.raises(InputError, match="Invalid path"):
        locations.read_source(given, [SHARED, "s3://bucket/runs"], "test")


def test_an_operator_names_folders_too(tmp_path: Path) -> None:
    """A relative folder is one of the project's; a URI is taken as it is, if clients can write there."""
    assert locations.read_root("art facts", tmp_path, "test") == f"{tmp_path.as_uri()}/art%20facts"
    assert locations.read_root("/shared/artifacts", tmp_path, "test") == SHARED
    assert locations.read_root("mlflow-artifacts:/", tmp_path, "test") == "mlflow-artifacts:"
    assert locations.read_root("s3://bucket/runs", tmp_path, "test") == "s3://bucket/runs"
    for wrong in ("", "http://example.com", "file:///a/../b", "a\0b"):
        with pytest.raises(InputError, match="Invalid path"):
            locations.read_root(wrong, tmp_path, "test")


def test_a_source_names_its_owner() -> None:
    """Runs, models, what the server keeps of them, and allowed places."""
    read = locations.read_source
    assert read(f"models:/{MODEL}", [], "test") == [Source(Owner.MODEL, MODEL, "", None)]
    assert read(f"runs:/{RUN}/model", [], "test") == [Source(Owner.RUN, RUN, "model", None)]
    assert read(f"mlflow-artifacts:/7/{RUN}/artifacts/m", [], "test") == [Source(Owner.RUN, RUN, "m", None)]
    assert read(f"{SHARED}/m", [SHARED], "test") == [Source(None, None, "", f"{SHARED}/m")]


@pytest.mark.parametrize(
    "given",
    [
        "models:/name/1",
        "models:/m-1",
        f"models:{MODEL}",
        f"models://host/{MODEL}",
        f"runs:/{RUN}/../{RUN}",
        f"runs:/{RUN}/%2e%2e/x",
        "runs://../x",
        "runs:/",
        "mlflow-artifacts:/7",
        f"mlflow-artifacts:/7/{RUN}/artifacts/../../x",
        f"mlflow-artifacts://evil/7/{RUN}/artifacts",
    ],
)
def test_a_source_of_nothing_is_refused(given: str) -> None:
    """A source that is no run's, no model's and nowhere allowed is never looked up."""
    with pytest.raises(InputError, match="Invalid path"):
        locations.read_source(given, [SHARED], "test")


def test_an_archive_of_plain_files_is_taken() -> None:
    """Files, folders, and much of little where it is small."""
    members = [
        Member("a/", 0, 0, True),
        Member("a/b", 200 << 20, 1000, True),
        Member("schema.json", 9, 9, True),
    ]
    locations.check_members(members, "test")


@pytest.mark.parametrize(
    "members",
    [
        [Member("../a", 1, 1, True)],
        [Member("/etc/cron.d/a", 1, 1, True)],
        [Member("a\\..\\..\\b", 1, 1, True)],
        [Member("C:/a", 1, 1, True)],
        [Member("a", 1, 1, False)],
        [Member("a", 1, 1, True), Member("a", 1, 1, True)],
        [Member("a", 1, 1, True), Member("a/", 0, 0, True)],
        [Member("zeros", 4 << 30, 4 << 20, True)],
        [Member(f"zeros{number}", 100 << 20, 100 << 10, True) for number in range(5)],
        [Member("all", 17 << 30, 17 << 30, True)],
        [Member(str(number), 0, 0, True) for number in range(locations.MAX_MEMBERS + 1)],
    ],
)
def test_a_bomb_is_refused(members: list[Member]) -> None:
    """Members that lead out, that are links, that come twice, or that unpack to too much, alone or together."""
    with pytest.raises(InputError, match="Invalid"):
        locations.check_members(members, "test")
