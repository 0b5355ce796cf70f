"""Starts prediction workers, waits until they answer, restarts those that die, drains and publishes at the end."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import IO, Any, Final, Self, cast

import msgspec

from mainspring.errors import AccessError, MainspringError, UnavailableError
from mainspring.project import Project
from mainspring.server.worker import DRAIN_S, Orders

START_S: Final = 60.0
PORT_S: Final = 1.5
LOOK_EVERY_S: Final = 0.1
PUBLISH_EVERY_S: Final = 30.0
MAX_RESTARTS: Final = 5
"""In a row, each within a second of its start; then the server gives up and says so."""


class _Process:
    """One worker process and what it says."""

    def __init__(self, orders: Orders) -> None:
        self.orders = orders
        self.started_s = time.monotonic()
        self.said: list[str] = []
        self.ready = threading.Event()
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "mainspring.server.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            # Ctrl-C in a terminal reaches the whole group; the supervisor passes it on in its own time.
            start_new_session=True,
        )
        # Left open: its end tells the worker that the supervisor is gone.
        self._orders_in = self._pipe(self.popen.stdin)
        self._orders_in.write(msgspec.json.encode(orders) + b"\n")
        self._orders_in.flush()
        threading.Thread(target=self._listen, name=f"listen-{orders.name}", daemon=True).start()

    def _listen(self) -> None:
        with self._pipe(self.popen.stdout) as words:
            for line in words:
                text = line.decode(errors="replace").strip()
                self.said.append(text)
                if text == "ready":
                    self.ready.set()
        self._orders_in.close()
        # The end of its words is the end of waiting, ready or not.
        self.ready.set()

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        return cast("IO[bytes]", pipe)


class Server:
    """The prediction server of one project. Use it as a context manager, or `start` and `stop` it.

    Args:
        project: the open project; the workers open it themselves, with the same configuration.
        host, port, workers: None = as configured under `serving`. Port 0 lets the system choose one.
        http: `granian` or `uvicorn`.
        say: hears what happens, a line each: a worker that died, a restart.

    Attributes:
        url: where it answers, after `start`.
        n_restarts: workers that were started again.
    """

    def __init__(
        self,
        project: Project,
        *,
        host: str | None = None,
        port: int | None = None,
        workers: int | None = None,
        http: str = "granian",
        say: Callable[[str], None] | None = None,
    ) -> None:
        serving = project.config.serving
        self._project = project
        self._host = host or serving.host
        self._port = serving.port if port is None else port
        self._n_workers = workers or serving.workers
        self._http = http
        self._say = say or _tell
        self._processes: list[_Process] = []
        self._stopping = threading.Event()
        self._watcher: threading.Thread | None = None
        self.url = ""
        self.n_restarts = 0

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers."""
        return [process.popen.pid for process in self._processes]

    def start(self) -> Self:
        """Start the workers; returns when all of them answer.

        Raises:
            UnavailableError: the port is taken, or a worker did not come up.
            AccessError: the system refuses the port.
            MainspringError: whatever kept a worker from loading its models.
        """
        self._port = _free_port(self._host, self._port)
        self.url = f"http://{self._host}:{self._port}"
        self._processes = [_Process(self._orders(number)) for number in range(1, self._n_workers + 1)]
        try:
            for process in self._processes:
                _wait_ready(process)
        except BaseException:
            self._end()
            raise
        self._watcher = threading.Thread(target=self._watch, name="server-supervisor", daemon=True)
        self._watcher.start()
        return self

    def stop(self) -> None:
        """Drain the workers, then publish what they logged."""
        self._stopping.set()
        if self._watcher is not None:
            self._watcher.join()
            self._watcher = None
        self._end()
        for deployment in self._project.deployments.list():
            deployment.publish_log()

    def run_forever(self) -> None:
        """Start, and serve until SIGTERM or Ctrl-C. For the main thread."""
        told = threading.Event()
        before = {
            number: signal.signal(number, lambda *_: told.set()) for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            with self:
                self._say(f"serving on {self.url} with {self._n_workers} worker(s)")
                told.wait()
                self._say("draining")
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _orders(self, number: int) -> Orders:
        config = self._project.config
        overrides: dict[str, Any] = {
            f"{section}.{key}": value
            for section, keys in config.model_dump(mode="json").items()
            for key, value in keys.items()
        }
        return Orders(
            folder=str(config.folder),
            overrides=overrides,
            host=self._host,
            port=self._port,
            name=f"worker-{number}",
            http=self._http,
        )

    def _watch(self) -> None:
        n_quick = 0
        publish_at_s = time.monotonic() + PUBLISH_EVERY_S
        while not self._stopping.wait(LOOK_EVERY_S):
            for place, process in enumerate(self._processes):
                status = process.popen.poll()
                if status is None:
                    continue
                n_quick = n_quick + 1 if time.monotonic() - process.started_s < 1.0 else 0
                if n_quick > MAX_RESTARTS:
                    self._say(f"{process.orders.name} keeps dying; giving up: {_last_words(process)}")
                    return
                self._say(
                    f"{process.orders.name} (pid {process.popen.pid}) {_how(status)}; starting it again"
                )
                self._processes[place] = _Process(process.orders)
                self.n_restarts += 1
            if time.monotonic() >= publish_at_s:
                publish_at_s = time.monotonic() + PUBLISH_EVERY_S
                self._publish()

    def _publish(self) -> None:
        try:
            for deployment in self._project.deployments.list():
                deployment.publish_log()
        except MainspringError as error:
            # What is not published waits in its segment; the next round tries again.
            self._say(f"the prediction log waits: {error}")

    def _end(self) -> None:
        for process in self._processes:
            if process.popen.poll() is None:
                process.popen.terminate()
        for process in self._processes:
            try:
                process.popen.wait(DRAIN_S + 5)
            except subprocess.TimeoutExpired:
                self._say(f"{process.orders.name} did not drain in time and is killed")
                process.popen.kill()
                process.popen.wait()
        self._processes = []


def _tell(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def _wait_ready(process: _Process) -> None:
    process.ready.wait(START_S)
    if "ready" in process.said:
        return
    words = _last_words(process)
    if words.startswith("failed "):
        parts = msgspec.json.decode(words.removeprefix("failed "))
        parts.pop("code")
        raise UnavailableError(**parts)
    raise UnavailableError(
        expected=f"a worker that is ready within {START_S:.0f} s",
        got=words or "no word from it",
        where=process.orders.name,
        hint="What it printed above says why.",
    )


def _last_words(process: _Process) -> str:
    return process.said[-1] if process.said else ""


def _how(status: int) -> str:
    if status < 0:
        with contextlib.suppress(ValueError):
            return f"was killed by {signal.Signals(-status).name}"
    return f"ended with exit code {status}"


def _free_port(host: str, port: int) -> int:
    """The port itself if nobody listens on it, or a free one for 0."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        # A port whose last connections are still winding down is free to listen on.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        give_up_s = time.monotonic() + PORT_S
        while True:
            try:
                probe.bind((host, port))
                return int(probe.getsockname()[1])
            except OSError as error:
                # The workers of a server that was just killed let go of the port within moments.
                if error.errno != errno.EADDRINUSE or time.monotonic() > give_up_s:
                    raise _no_port(error, host, port) from error
            time.sleep(0.05)


def _no_port(error: OSError, host: str, port: int) -> MainspringError:
    if error.errno == errno.EACCES:
        return AccessError(
            expected="a port that this user may listen on",
            got=str(port),
            where=f"{host}:{port}",
            hint="Use a port above 1023: --port on the command line, `serving.port` in mainspring.toml.",
        )
    if error.errno == errno.EADDRINUSE:
        return UnavailableError(
            expected="a free port",
            got=f"port {port}, on which somebody listens already",
            where=f"{host}:{port}",
            hint="Stop the other server, or choose another port: --port on the command line (0 = any that is free), "
            "port= in Python, `serving.port` in mainspring.toml.",
        )
    return UnavailableError(
        expected="an address of this machine",
        got=str(error.strerror),
        where=f"{host}:{port}",
        hint="Correct --host, or `serving.host` in mainspring.toml.",
    )
