"""One prediction worker: a fresh interpreter that opens the project, loads the models and answers.

Started by the supervisor as `python -m mainspring.server.worker`, with its orders as JSON on standard input, so
that no password shows in a process list. It says `ready` on standard output once it answers. SIGTERM drains:
new requests are refused, those under way are answered, the log is synced and let go. So does the end of
standard input: a worker does not outlive its supervisor.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from mainspring.errors import MainspringError, MissingExtraError, UnavailableError
from mainspring.log import configure, get_logger
from mainspring.log.progress import silent
from mainspring.project import Project, load_config, open_project
from mainspring.server.app import App
from mainspring.server.mlflow import Mlflow
from mainspring.serving.api import Deployments
from mainspring.serving.predictor import Predictor
from mainspring.serving.weights import retry_after_s
from mainspring.tracking.artifacts.locations import read_root
from mainspring.tracking.remote import Remote

# By name: the process that this module is for runs it as `__main__`.
_log = get_logger("mainspring.server.worker")

TICK_S: Final = 0.025
"""How often a worker looks for changed weight tables when no requests come."""
FIND_EVERY_S: Final = 0.25
"""How often it looks for new deployments."""
SYNC_EVERY_S: Final = 1.0
DRAIN_S: Final = 10.0
COMPLAIN_EVERY_S: Final = 30.0
"""How often the same thing is complained about, at most."""


class Orders(msgspec.Struct):
    """What the supervisor tells a worker.

    Attributes:
        folder: the project's folder.
        overrides: its whole configuration, so that the environment of the worker does not matter.
        host, port: where to listen.
        name: the worker's name.
        http: which HTTP server: `granian` or `uvicorn`.
    """

    folder: str
    overrides: dict[str, Any]
    host: str
    port: int
    name: str
    http: str = "granian"


def role_of(port: int) -> str:
    """What the server of this machine that listens on a port holds its lease on; its workers' are below."""
    return f"server/{socket.gethostname()}:{port}"


class Worker:
    """The worker's predictors, and the timer that keeps them current."""

    def __init__(self, deployments: Deployments, name: str, mlflow: Mlflow | None = None) -> None:
        self._deployments = deployments
        self._name = name
        self.predictors: dict[str, Predictor] = {}
        self._quiet_until_s: dict[str, float] = {}
        self._failed: dict[str, tuple[int, float]] = {}
        self.app = App(self.predictors, self._post_outcomes, name, mlflow)
        self._mlflow = mlflow

    def _post_outcomes(self, name: str, rows: list[tuple[str, float, Any]]) -> Any:
        return self._deployments.get(name).post_outcomes(rows)

    def take_up(self) -> None:
        """Load what is deployed, each deployment by itself: a bad one does not stop the others.

        Raises:
            Exception: whatever kept the first of them from being loaded, if none of them could be.
        """
        errors = [self._take_up(name) for name in self._deployments.names()]
        failures = [error for error in errors if error is not None]
        if failures and len(failures) == len(errors):
            raise failures[0]

    def _take_up(self, name: str) -> Exception | None:
        """Answer for one deployment; returns why it cannot be yet, which is complained about and tried again."""
        try:
            predictor = self._deployments.predictor(name, writer=self._name, background=True)
        except Exception as error:  # noqa: BLE001  one bad deployment must not stop the others
            n_failed = self._failed.get(name, (0, 0.0))[0]
            self._failed[name] = n_failed + 1, time.monotonic() + retry_after_s(n_failed)
            return self._complain("deployment.not_loaded", f"deployment {name!r}", error, deployment=name)
        failure = None
        try:
            predictor.poll()
        except Exception as error:  # noqa: BLE001  its callers hear it, and it is tried again with every poll
            failure = self._complain("deployment.not_loaded", f"deployment {name!r}", error, deployment=name)
        self.predictors[name] = predictor
        table = predictor.table
        if table is not None and not table.is_retired:
            served = table.champion
            _log.info(
                "deployment.taken_up",
                f"answers for {name!r} with {served.model}/{served.version}",
                deployment=name,
                model=served.model,
                model_version=served.version,
                revision=table.revision,
                epoch=table.epoch,
            )
        return failure

    async def run(self, serve: Callable[[App], Awaitable[Callable[[], Awaitable[None]]]]) -> None:
        """Serve until SIGTERM or SIGINT, then drain."""
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        # Standard input ends when the supervisor is gone, however it went: no worker outlives it.
        loop.add_reader(sys.stdin.fileno(), lambda: _stop_at_end(stopping))
        stop = await serve(self.app)
        self.take_up()
        # What is loaded by now stays: the collector need not walk it again and again.
        gc.collect()
        gc.freeze()
        self.app.ready = True
        _say("ready")
        timer = asyncio.create_task(self._keep_current())
        await stopping.wait()
        await self.app.drain(DRAIN_S)
        timer.cancel()
        await stop()
        if self._mlflow is not None:
            self._mlflow.close()
        for name, predictor in self.predictors.items():
            try:
                predictor.close()
            except OSError as error:
                self._complain("prediction_log.not_closed", f"the log of {name!r}", error, deployment=name)

    async def _keep_current(self) -> None:
        await asyncio.gather(
            self._every(TICK_S, "looking for changed weights", self._poll),
            self._every(FIND_EVERY_S, "looking for new deployments", self._find_new, beside=True),
            self._every(SYNC_EVERY_S, "syncing the log", self._sync, beside=True),
        )

    async def _every(
        self, seconds: float, part: str, do: Callable[[], None], *, beside: bool = False
    ) -> None:
        """Do one part of the upkeep again and again, whatever becomes of it; in a thread if it may be slow."""
        while True:
            await asyncio.sleep(seconds)
            try:
                if beside:
                    await asyncio.to_thread(do)
                else:
                    do()
            except Exception as error:  # noqa: BLE001  the timer must outlive the disk and the database
                self._complain("worker.upkeep_failed", part, error)

    def _poll(self) -> None:
        for name, predictor in list(self.predictors.items()):
            try:
                predictor.poll()
            except Exception as error:  # noqa: BLE001  one bad deployment must not stop the others
                self._complain("deployment.not_loaded", f"deployment {name!r}", error, deployment=name)

    def _find_new(self) -> None:
        for name in self._deployments.names():
            _, again_s = self._failed.get(name, (0, 0.0))
            if name not in self.predictors and time.monotonic() >= again_s:
                self._take_up(name)

    def _sync(self) -> None:
        for name, predictor in list(self.predictors.items()):
            try:
                table = predictor.table
                if table is not None and table.is_retired:
                    # Nothing more comes: what was logged can be published.
                    predictor.log.rotate()
                predictor.log.rotate_if_full()
                predictor.log.sync()
            except OSError as error:
                self._complain("prediction_log.not_synced", f"the log of {name!r}", error, deployment=name)

    def _complain(self, event: str, subject: str, error: Exception, **fields: Any) -> Exception:
        """Say what is amiss, once in a while; gives the error back."""
        now_s = time.monotonic()
        if now_s >= self._quiet_until_s.get(subject, 0.0):
            self._quiet_until_s[subject] = now_s + COMPLAIN_EVERY_S
            _log.warning(event, f"{subject}: {type(error).__name__}: {error}", error=error, **fields)
        return error


def granian(host: str, port: int) -> Callable[[App], Awaitable[Callable[[], Awaitable[None]]]]:
    """Serve with Granian in this process' event loop."""

    async def serve(app: App) -> Callable[[], Awaitable[None]]:
        try:
            from granian.constants import Interfaces
            from granian.server.embed import Server
        except ImportError as error:
            raise MissingExtraError.of("granian", "serve", "prediction server") from error
        server = Server(
            app,
            address=host,
            port=port,
            interface=Interfaces.ASGINL,
            websockets=False,
            log_enabled=False,
            backlog=1024,
        )
        task = asyncio.create_task(server.serve())
        await _listening(host, port, task)

        async def stop() -> None:
            server.stop()  # type: ignore[no-untyped-call]
            await task

        return stop

    return serve


def uvicorn(host: str, port: int) -> Callable[[App], Awaitable[Callable[[], Awaitable[None]]]]:
    """Serve with uvicorn in this process' event loop."""

    async def serve(app: App) -> Callable[[], Awaitable[None]]:
        try:
            import uvicorn as library
        except ImportError as error:
            raise MissingExtraError.of("uvicorn", "serve", "prediction server") from error
        config = library.Config(
            app, host=host, port=port, lifespan="off", ws="none", access_log=False, log_level="warning"
        )
        server = library.Server(config)
        # Signals are the worker's to handle.
        server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
        task = asyncio.create_task(server.serve())
        await _listening(host, port, task)

        async def stop() -> None:
            server.should_exit = True
            await task

        return stop

    return serve


async def _listening(host: str, port: int, task: asyncio.Task[Any]) -> None:
    while not task.done():
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
            return
        await asyncio.sleep(0.01)
    await task
    raise UnavailableError(
        expected="an HTTP server that listens",
        got="one that ended at once",
        where=f"{host}:{port}",
        hint="Somebody else may have taken the port meanwhile; start again.",
    )


def _stop_at_end(stopping: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 1024):
        stopping.set()


def _find_first_line(descriptor: int) -> bytes | None:
    """Read unbuffered, so that the end of the input is seen later by whoever waits for it; None if it ended before."""
    line = b""
    while not line.endswith(b"\n"):
        read = os.read(descriptor, 65_536)
        if not read:
            return None
        line += read
    return line


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def remote_of(project: Project) -> Remote:
    """What serves clients of the MLflow protocol for a project.

    Raises:
        InputError: `tracking.artifact_root` is nowhere that clients could write to.
    """
    given, folder = project.config.tracking, project.config.folder
    made = project.tracking.remote(
        read_root(given.artifact_root, folder, "tracking.artifact_root"),
        allowed=[read_root(root, folder, "tracking.artifact_roots") for root in given.artifact_roots],
        max_artifact_bytes=given.max_artifact_bytes,
    )
    made.experiments.ensure_default()
    return made


def main() -> None:
    """Read orders from standard input and serve until told to stop; nothing, if the supervisor is gone before."""
    line = _find_first_line(sys.stdin.fileno())
    if line is None:
        return
    orders = msgspec.json.decode(line, type=Orders)
    folder = Path(orders.folder)
    configure(load_config(folder, overrides=orders.overrides).log_output("info", worker=orders.name))
    # One-row models gain nothing from threads, and many workers would fight for the cores.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    project = open_project(folder, overrides=orders.overrides, progress=silent)
    serve = {"granian": granian, "uvicorn": uvicorn}[orders.http](orders.host, orders.port)
    with project, project.graph.leases.role(f"{role_of(orders.port)}/{orders.name}"):
        mlflow = Mlflow(lambda: remote_of(project))
        asyncio.run(Worker(project.deployments, orders.name, mlflow).run(serve))


if __name__ == "__main__":
    try:
        main()
    except MainspringError as failure:
        _say(f"failed {msgspec.json.encode(failure.to_dict()).decode()}")
        sys.exit(3)
