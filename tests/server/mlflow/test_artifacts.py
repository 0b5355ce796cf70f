"""Artifacts over HTTP: sent, listed, fetched and deleted, in one piece and in parts; and every way out refused."""

from __future__ import annotations

import asyncio
import hashlib
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import httpx
import pytest
from tests.server.mlflow.conftest import Api

from mainspring.project import open_project
from mainspring.server.app import App
from mainspring.server.mlflow import Mlflow
from mainspring.server.worker import remote_of

PROXY = "/api/2.0/mlflow-artifacts"


class Files:
    """The artifacts of a new run."""

    def __init__(self, api: Api, experiment: str = "0") -> None:
        self.api = api
        self.run_id = api.run(experiment)
        self.uri = api.get("runs/get", run_id=self.run_id)["run"]["info"]["artifact_uri"]
        self.root = self.uri.removeprefix("mlflow-artifacts:/")

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.api.send(method, f"{PROXY}/artifacts/{self.root}/{path}", **options)

    def put(self, path: str, content: bytes) -> None:
        reply = self.send("PUT", path, content=content)
        assert (reply.status_code, reply.json()) == (200, {}), reply.text

    def listed(self, path: str = "") -> list[dict[str, Any]]:
        folder = f"{self.root}/{path}" if path else self.root
        reply = self.api.send("GET", f"{PROXY}/artifacts", params={"path": folder})
        assert reply.status_code == 200, reply.text
        return list(reply.json().get("files", []))

    def of_run(self, path: str) -> httpx.Response:
        return self.api.reply("GET", "artifacts/list", params={"run_id": self.run_id, "path": path})

    def mpu(self, step: str, folder: str = "", **fields: Any) -> httpx.Response:
        path = f"{self.root}/{folder}" if folder else self.root
        return self.api.send("POST", f"{PROXY}/mpu/{step}/{path}", json=fields)


@pytest.fixture
def files(api: Api) -> Files:
    return Files(api)


def error(reply: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal, which has a message and nothing else beside."""
    body = reply.json()
    assert set(body) == {"error_code", "message"}
    return reply.status_code, body["error_code"]


def test_a_run_keeps_its_artifacts_with_the_server(files: Files) -> None:
    """As its artifact URI says."""
    assert files.uri == f"mlflow-artifacts:/0/{files.run_id}/artifacts"


def test_a_file_comes_and_goes(files: Files) -> None:
    """Sent, listed by the names in a folder, fetched as it was, sent anew, deleted."""
    files.put("model/MLmodel", b"flavors: {}")
    files.put("model/data/weights.bin", bytes(range(256)))
    files.put("empty", b"")
    assert files.listed() == [
        {"path": "empty", "is_dir": False, "file_size": 0},
        {"path": "model", "is_dir": True},
    ]
    assert files.listed("model") == [
        {"path": "MLmodel", "is_dir": False, "file_size": 11},
        {"path": "data", "is_dir": True},
    ]
    assert files.listed("nothing") == []
    assert files.send("GET", "model/data/weights.bin").content == bytes(range(256))
    assert files.send("GET", "empty").content == b""
    files.put("empty", b"no more")
    assert files.send("GET", "empty").content == b"no more"
    assert files.send("DELETE", "model").json() == {}
    assert [each["path"] for each in files.listed()] == ["empty"]
    assert error(files.send("GET", "model/MLmodel")) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert error(files.send("DELETE", "model")) == (404, "RESOURCE_DOES_NOT_EXIST")


def test_a_run_lists_its_artifacts(files: Files) -> None:
    """With paths from the top of the run, and where they lie."""
    files.put("plots/roc.png", b"png")
    assert files.of_run("plots").json() == {
        "root_uri": files.uri,
        "files": [{"path": "plots/roc.png", "is_dir": False, "file_size": 3}],
    }
    assert files.of_run("roc").json() == {"root_uri": files.uri}
    status, code, message = files.api.refused("artifacts/list", method="GET", run_id="0" * 32)
    assert (status, code) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert "not found" in message


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("MLmodel", "text/plain; charset=utf-8"),
        ("a.PY", "text/plain; charset=utf-8"),
        ("a.html", "text/html"),
        ("a.png", "image/png"),
        ("a.unheard-of", "application/octet-stream"),
        ("naïve 100%.txt", "text/plain; charset=utf-8"),
    ],
)
def test_a_file_is_no_page(files: Files, name: str, kind: str) -> None:
    """It is handed out to be saved, under its name, by both routes; nothing in it runs."""
    files.put(quote(name), b"<script>alert(1)</script>")
    by_run = files.api.send("GET", "/get-artifact", params={"run_id": files.run_id, "path": name})
    for reply in (files.send("GET", quote(name)), by_run):
        assert reply.content == b"<script>alert(1)</script>"
        assert reply.headers["content-type"] == kind
        assert reply.headers["content-disposition"] == f"attachment; filename*=UTF-8''{quote(name)}"
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in reply.headers["content-security-policy"]
        assert reply.headers["etag"] == f'"{hashlib.sha256(reply.content).hexdigest()}"'


WAYS_OUT = [
    "..%2fx",
    "%2e%2e/x",
    "%252e%252e/x",
    "%252e%252e%252fx",
    "a/..%5c..%5cx",
    "a%5cb",
    "a%00b",
    "a%2500b",
    "a%23b",
    "%2fetc%2fpasswd",
    "C%3a%5cx",
    "a//b",
    "a%0ab",
    "x" * 256,
    "x/" * 600 + "x",
]


@pytest.mark.parametrize("path", WAYS_OUT)
def test_a_way_out_is_refused_by_every_route(files: Files, path: str) -> None:
    """Reading, writing, deleting, listing and parts ask the same resolver."""
    api, decoded = files.api, unquote(path)
    replies = [
        sent_raw(api, "PUT", f"{PROXY}/artifacts/{files.root}/{path}", content=b"x"),
        sent_raw(api, "GET", f"{PROXY}/artifacts/{files.root}/{path}"),
        sent_raw(api, "DELETE", f"{PROXY}/artifacts/{files.root}/{path}"),
        sent_raw(api, "POST", f"{PROXY}/mpu/create/{files.root}/{path}", json={"path": "f", "num_parts": 1}),
        api.send("GET", f"{PROXY}/artifacts", params={"path": f"{files.root}/{decoded}"}),
        api.send("GET", "/get-artifact", params={"run_id": files.run_id, "path": decoded}),
        files.of_run(decoded),
    ]
    assert [error(reply) for reply in replies] == [(400, "INVALID_PARAMETER_VALUE")] * 7
    assert all("Invalid path" in reply.json()["message"] for reply in replies)
    assert files.listed() == []


def sent_raw(api: Api, method: str, path: str, **options: Any) -> httpx.Response:
    url = httpx.URL("http://server").copy_with(raw_path=path.encode())
    return api.loop.run_until_complete(api.client.request(method, url, **options))


@pytest.mark.parametrize(
    "path", ["", "/", "a.txt", "0", "0/nobody/artifacts/a", "1/{run}/artifacts/a", "x/0/{run}/artifacts/a"]
)
def test_what_is_nobodys_is_not_kept(files: Files, path: str) -> None:
    """A path that is no run's, or not below where the run keeps its own, is nowhere."""
    url = f"{PROXY}/artifacts/{path.format(run=files.run_id)}"
    for method in ("PUT", "DELETE") if path.strip("/") else ("PUT",):
        assert error(files.api.send(method, url, content=b"x"))[0] == 404 if path.strip("/") else 400
    assert files.listed() == []


def test_an_experiment_has_a_place_of_its_own(api: Api) -> None:
    """With the server below another path, or with its clients; nowhere else."""
    own = Files(api, api.experiment(artifact_location="mlflow-artifacts:/team/one"))
    assert own.uri == f"mlflow-artifacts:/team/one/{own.run_id}/artifacts"
    own.put("a", b"1")
    assert own.send("GET", "a").content == b"1"
    theirs = Files(api, api.experiment(artifact_location="their/folder"))
    assert theirs.uri == f"their/folder/{theirs.run_id}/artifacts"
    assert api.refused("artifacts/list", method="GET", run_id=theirs.run_id)[:2] == (
        400,
        "INVALID_PARAMETER_VALUE",
    )


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc",
        "http://169.254.169.254/",
        "s3://bucket/x",
        "mlflow-artifacts://evil/x",
        "/etc",
        "a/../b",
        "C:\\a",
        "x#y",
    ],
)
def test_an_experiment_is_kept_nowhere_else(api: Api, location: str) -> None:
    """A client names no other server and no folder that nobody allowed."""
    status, code, message = api.refused(
        "experiments/create", name=f"at {location}", artifact_location=location
    )
    assert (status, code) == (400, "INVALID_PARAMETER_VALUE")
    assert "Invalid path" in message


def test_parts_become_one_file(files: Files) -> None:
    """As the client sends them: each to the URL that it was given, by the tag that it got."""
    data = [b"one" * 1000, b"two" * 1000, b"three"]
    begun = files.mpu("create", "model", path="C:\\somewhere\\weights.bin", num_parts=3).json()
    parts = []
    for credential, content in reversed(list(zip(begun["credentials"], data, strict=True))):
        assert urlsplit(credential["url"]).netloc == "server"
        reply = files.api.send("PUT", credential["url"], content=content, headers=credential["headers"])
        assert reply.status_code == 200
        parts.append({**credential, "etag": reply.headers["etag"]})
    assert files.listed() == []
    told = {"path": "weights.bin", "upload_id": begun["upload_id"]}
    wrong = [{"part_number": 1, "etag": '"0"'}]
    assert error(files.mpu("complete", "model", **told, parts=wrong))[0] == 400
    assert error(files.mpu("complete", "elsewhere", **told, parts=parts)) == (400, "INVALID_PARAMETER_VALUE")
    assert files.mpu("complete", "model", **told, parts=parts).json() == {}
    assert files.send("GET", "model/weights.bin").content == b"".join(data)
    assert error(files.mpu("complete", "model", **told, parts=parts))[0] == 404


def test_parts_are_given_up(files: Files) -> None:
    """Nothing is visible before or after; what comes later is refused."""
    begun = files.mpu("create", path="a", num_parts=2).json()
    (first, second) = [each["url"] for each in begun["credentials"]]
    assert files.api.send("PUT", first, content=b"1").status_code == 200
    assert error(files.mpu("complete", path="a", upload_id=begun["upload_id"], parts=[])) == (
        400,
        "INVALID_PARAMETER_VALUE",
    )
    assert files.mpu("abort", path="a", upload_id=begun["upload_id"]).json() == {}
    assert error(files.api.send("PUT", second, content=b"2")) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert files.listed() == []


def test_a_bad_upload_is_refused(files: Files) -> None:
    """Without a name, with no parts or too many, by unknown ids and numbers."""
    for fields in (
        {"num_parts": 1},
        {"path": "a"},
        {"path": "a", "num_parts": 10_001},
        {"path": "..", "num_parts": 1},
    ):
        assert error(files.mpu("create", **fields)) == (400, "INVALID_PARAMETER_VALUE")
    assert error(files.mpu("complete", path="a", upload_id="0" * 32)) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert error(files.mpu("complete", path="a")) == (400, "INVALID_PARAMETER_VALUE")
    assert error(files.mpu("other", path="a"))[0] == 404
    upload_id = files.mpu("create", path="a", num_parts=1).json()["upload_id"]
    for number in ("0", "2", "x", "-1", "1" * 9):
        url = f"{PROXY}/mpu/part/{upload_id}/{number}"
        assert error(files.api.send("PUT", url, content=b""))[0] == 400


def test_no_urls_are_signed(files: Files) -> None:
    """Clients take 501 for "fetch it through the server"."""
    reply = files.api.send("GET", f"{PROXY}/presigned/{files.root}/a")
    assert error(reply) == (501, "NOT_IMPLEMENTED")
    assert files.api.refused("artifacts/presigned-upload-url", run_id=files.run_id)[:2] == (
        501,
        "NOT_IMPLEMENTED",
    )


def test_a_page_of_another_site_changes_nothing(files: Files) -> None:
    """Its reader's browser says where it is from; of our own host it may."""
    headers = {"origin": "https://evil.example.com"}
    assert files.send("PUT", "a", content=b"x", headers=headers).status_code == 403
    assert files.send("DELETE", "a", headers=headers).status_code == 403
    assert files.listed() == []
    assert files.send("PUT", "a", content=b"x", headers={"origin": "http://server"}).status_code == 200


def test_an_archived_run_keeps_nothing_more(files: Files) -> None:
    """It can still be read, as it may be restored."""
    files.put("a", b"1")
    files.api.post("runs/delete", run_id=files.run_id)
    assert error(files.send("PUT", "b", content=b"2")) == (400, "INVALID_PARAMETER_VALUE")
    assert files.send("GET", "a").content == b"1"


def test_a_finished_run_publishes_what_it_has(files: Files) -> None:
    """And what comes later; a run that is resumed publishes nothing twice."""
    api, graph = files.api, files.api.project.graph
    files.put("before", b"1")
    api.post("runs/update", run_id=files.run_id, status="FINISHED")
    files.put("after", b"2")
    api.post("runs/update", run_id=files.run_id, status="RUNNING")
    files.put("resumed", b"3")
    api.post("runs/update", run_id=files.run_id, status="FINISHED")
    kept = api.project.tracking.artifacts(files.run_id).files()
    assert [artifact.name for artifact in kept] == ["after", "before", "resumed"]
    for artifact in kept:
        assert graph.get_asset(artifact.asset_id).digest == artifact.sha256
    run = graph.get_asset(api.project.tracking.get_run(files.run_id).asset_id)
    assert run.attributes["artifacts"] == {artifact.name: artifact.sha256 for artifact in kept}


def test_damage_is_told_or_breaks_off(files: Files) -> None:
    """Of a small file the client is told; of a large one it never gets the whole."""
    blobs = files.api.project.blobs
    for name, content in (("small", b"right"), ("large", bytes(3 << 20))):
        files.put(name, content)
        place = blobs.path(hashlib.sha256(content).hexdigest())
        place.chmod(0o644)
        place.write_bytes(b"x" + content[1:])
    assert error(files.send("GET", "small")) == (500, "INTERNAL_ERROR")
    scope = {"method": "GET", "path": f"{PROXY}/artifacts/{files.root}/large"}
    begun, *pieces = asgi(files.api, scope, [])
    assert (b"content-length", b"%d" % (3 << 20)) in begun["headers"]
    assert sum(len(piece["body"]) for piece in pieces) < 3 << 20
    # A server takes an answer that does not end for one to break off.
    assert all(piece["more_body"] for piece in pieces)


def asgi(api: Api, scope: dict[str, Any], messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the application sends for these messages, as a server hands them to it."""
    sent: list[dict[str, Any]] = []
    coming = iter(messages)

    async def receive() -> dict[str, Any]:
        return next(coming)

    async def send(message: Any) -> None:
        sent.append(message)

    app = api.client._transport.app  # type: ignore[attr-defined]
    whole = {"type": "http", "scheme": "http", "query_string": b"", "root_path": "", "headers": [], **scope}
    api.loop.run_until_complete(app(whole, receive, send))
    return sent


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_plain_dots_are_refused(files: Files, method: str) -> None:
    """Clients that tidy their URLs never send them."""
    scope = {"method": method, "path": f"{PROXY}/artifacts/{files.root}/../../x"}
    begun, _ = asgi(files.api, scope, [{"type": "http.request", "body": b"x"}])
    assert begun["status"] == 400


@pytest.mark.parametrize(
    "end", [{"type": "http.disconnect"}, {"type": "http.request", "body": b"", "more_body": False}]
)
def test_a_client_that_dies_leaves_nothing(files: Files, end: dict[str, Any]) -> None:
    """Neither a file nor a draft, whether the server notices it or the body ends short of what was announced."""
    blobs = files.api.project.blobs
    before = {blob.sha256 for blob in blobs.walk()}
    scope = {
        "method": "PUT",
        "path": f"{PROXY}/artifacts/{files.root}/half",
        "headers": [(b"content-length", b"4000000")],
    }
    half = {"type": "http.request", "body": bytes(2_000_000), "more_body": True}
    sent = asgi(files.api, scope, [half, end])
    assert [message["status"] for message in sent if "status" in message] in ([], [400])
    assert files.listed() == []
    assert blobs.drafts() == []
    assert {blob.sha256 for blob in blobs.walk()} == before


def test_a_large_file_passes_in_little_memory(files: Files) -> None:
    """Both ways, whatever its size."""
    size, piece = 48 << 20, bytes(1 << 16)

    async def body() -> AsyncIterator[bytes]:
        for _ in range(size // len(piece)):
            yield piece

    async def fetched() -> int:
        n_bytes = 0
        scope = {
            "type": "http",
            "method": "GET",
            "path": f"{PROXY}/artifacts/{files.root}/large",
            "scheme": "http",
            "query_string": b"",
            "headers": [],
        }

        async def send(message: Any) -> None:
            nonlocal n_bytes
            n_bytes += len(message.get("body", b""))

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        await files.api.client._transport.app(scope, receive, send)  # type: ignore[attr-defined]
        return n_bytes

    tracemalloc.start()
    try:
        assert files.send("PUT", "large", content=body()).status_code == 200
        assert files.api.loop.run_until_complete(fetched()) == size
        assert tracemalloc.get_traced_memory()[1] < 12 << 20
    finally:
        tracemalloc.stop()


@pytest.fixture
def bounded(records_url: str, tmp_path: Any) -> Iterator[Api]:
    """A server that takes small files only, whose clients keep theirs in a shared folder."""
    (tmp_path / "mainspring.toml").write_text('[project]\nid = "test"\n')
    overrides = {
        "records.url": records_url,
        "tracking.max_artifact_bytes": 10,
        "tracking.artifact_root": "shared",
        "tracking.artifact_roots": [f"file://{tmp_path}/other"],
    }
    with open_project(tmp_path, overrides=overrides) as project:
        mlflow = Mlflow(lambda: remote_of(project))
        app = App({}, lambda *_: None, "worker-1", mlflow)  # type: ignore[arg-type, return-value]
        app.ready = True
        loop = asyncio.new_event_loop()
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://server")  # type: ignore[arg-type]
        yield Api(project, client, loop)
        loop.run_until_complete(client.aclose())
        loop.close()
        mlflow.close()


def test_an_operator_says_where_and_how_much(bounded: Api) -> None:
    """A folder of the project's that clients write to; further roots; and a bound on what is sent here."""
    folder = bounded.project.config.folder
    run_id = bounded.run()
    info = bounded.get("runs/get", run_id=run_id)["run"]["info"]
    assert info["artifact_uri"] == f"file://{folder}/shared/0/{run_id}/artifacts"
    assert Files(bounded, bounded.experiment(artifact_location=f"file://{folder}/other/x")).uri.startswith(
        "file://"
    )
    assert bounded.refused("experiments/create", name="out", artifact_location=f"file://{folder}")[0] == 400
    proxied = Files(bounded, bounded.experiment(artifact_location="mlflow-artifacts:/x"))
    proxied.put("a", b"1234567890")

    async def body() -> AsyncIterator[bytes]:
        yield b"12345678"
        yield b"901"

    for content in (b"12345678901", body()):
        reply = proxied.send("PUT", "b", content=content)
        assert error(reply) == (413, "BAD_REQUEST")
    assert [each["path"] for each in proxied.listed()] == ["a"]
