"""The real application of a worker, spoken to over HTTP without a socket, on a project of its own for each file."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from mainspring.project import Project, open_project
from mainspring.server.app import App
from mainspring.server.mlflow import Mlflow
from mainspring.server.worker import remote_of

_numbers = itertools.count(1)


@dataclass
class Api:
    """Calls of the protocol, and the project that answers them."""

    project: Project
    client: httpx.AsyncClient
    loop: asyncio.AbstractEventLoop

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.loop.run_until_complete(self.client.request(method, path, **options))

    def reply(self, method: str, path: str, *, prefix: str = "/api", **options: Any) -> httpx.Response:
        """The reply to a call that may be refused."""
        return self.send(method, f"{prefix}/2.0/mlflow/{path}", **options)

    def post(self, path: str, **fields: Any) -> dict[str, Any]:
        """The reply to a POST that must succeed, exactly with 200 and a JSON object."""
        return self._whole(self.reply("POST", path, json=fields))

    def get(self, path: str, **fields: Any) -> dict[str, Any]:
        """The reply to a GET that must succeed."""
        return self._whole(self.reply("GET", path, params=fields))

    @staticmethod
    def _whole(reply: httpx.Response) -> dict[str, Any]:
        assert reply.status_code == 200, reply.text
        found = reply.json()
        assert isinstance(found, dict)
        return found

    def refused(self, path: str, *, method: str = "POST", **fields: Any) -> tuple[int, str, str]:
        """Status, error code and message of a call that must be refused, with these two fields and no other."""
        options = {"params": fields} if method == "GET" else {"json": fields}
        reply = self.reply(method, path, **options)
        body = reply.json()
        assert set(body) == {"error_code", "message"}, body
        return reply.status_code, body["error_code"], body["message"]

    def experiment(self, name: str = "", **fields: Any) -> str:
        """A new experiment's id."""
        named = name or f"experiment {next(_numbers)}"
        return str(self.post("experiments/create", name=named, **fields)["experiment_id"])

    def run(self, experiment: str = "0", **fields: Any) -> str:
        """A new run's id."""
        made = self.post("runs/create", experiment_id=experiment, start_time=1_700_000_000_000, **fields)
        return str(made["run"]["info"]["run_id"])

    def run_data(self, run_id: str) -> dict[str, Any]:
        """A run's metrics, params and tags, by name."""
        data = self.get("runs/get", run_id=run_id)["run"]["data"]
        return {
            kind: {each["key"]: each["value"] for each in data.get(kind, [])}
            for kind in ("metrics", "params", "tags")
        }

    def found(self, experiment: str, text: str = "", **fields: Any) -> list[str]:
        """The names of the runs that a search finds."""
        reply = self.post("runs/search", experiment_ids=[experiment], filter=text, **fields)
        return [each["info"]["run_name"] for each in reply.get("runs", [])]


@pytest.fixture(scope="module")
def api(module_records_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One application for all tests of a file: each makes its own runs in it."""
    folder = tmp_path_factory.mktemp("mlflow")
    (folder / "mainspring.toml").write_text('[project]\nid = "test"\n')
    overrides = {"records.url": module_records_url, "actor.name": "user:server"}
    with open_project(folder, overrides=overrides) as project:
        mlflow = Mlflow(lambda: remote_of(project))
        app = App({}, lambda *_: None, "worker-1", mlflow)  # type: ignore[arg-type, return-value]
        app.ready = True
        loop = asyncio.new_event_loop()
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app),  # type: ignore[arg-type]
            base_url="http://server",
        )
        yield Api(project, client, loop)
        loop.run_until_complete(client.aclose())
        loop.close()
        mlflow.close()
