"""Starts prediction workers, waits until they answer, restarts those that die, drains and publishes at the end."""

from __future__ import annotations

import errno
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from types import TracebackType
from typing import Any, Final, Self

from mainspring.errors import AccessError, InputError, IntegrityError, MainspringError, UnavailableError
from mainspring.lineage.delivery import Delivery
from mainspring.log import context, get_logger, level_in_force
from mainspring.project import Project
from mainspring.server.seat import Seat
from mainspring.server.worker import DRAIN_S, Orders, role_of

PORT_S: Final = 1.5
LOOK_EVERY_S: Final = 0.1
PUBLISH_EVERY_S: Final = 30.0
DELIVER_EVERY_S: Final = 5.0
COURIER_S: Final = 25.0
"""How long a stop waits for a delivery that is under way; a plug-in's channel may hang for ever."""


class Server:
    """The prediction server of one project. Use it as a context manager, or `start` and `stop` it.

    Args:
        project: the open project; the workers open it themselves, with the same configuration.
        host, port, workers: None = as configured under `serving`. Port 0 lets the system choose one.
        http: `granian` or `uvicorn`.
        say: hears what happens beside the log, a line each: a worker that died, a restart; None = nobody.

    Attributes:
        url: where it answers, after `start`.
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
        self._say = say
        self._log = get_logger(__name__, say)
        self._seats: list[Seat] = []
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._watcher: threading.Thread | None = None
        self._n_restarts = 0
        self._couriers: list[threading.Thread] = []
        self._role = ExitStack()
        self.url = ""

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers."""
        return [seat.pid for seat in self._seats]

    @property
    def n_restarts(self) -> int:
        """How often a worker was started again."""
        return self._n_restarts + sum(seat.n_restarts for seat in self._seats)

    @property
    def failure(self) -> UnavailableError | None:
        """Why a worker is not started any more; None while none was given up."""
        return next((seat.failure for seat in self._seats if seat.failure is not None), None)

    def start(self) -> Self:
        """Start the workers; returns when all of them answer.

        Raises:
            UnavailableError: the port is taken, or a worker did not come up.
            AccessError: the system refuses the port.
            InputError: `openlineage.url` or `alerts.channels` names no destination.
            PluginError: the plug-in of an alert channel cannot be used.
            MainspringError: whatever kept a worker from loading its models.
        """
        deliveries = self._project.deliveries()
        self._port = _free_port(self._host, self._port)
        self.url = f"http://{self._host}:{self._port}"
        try:
            self._role.enter_context(self._project.graph.leases.role(role_of(self._port)))
            for number in range(1, self._n_workers + 1):
                self._seats.append(Seat(self._orders(number), self._say))
            for seat in self._seats:
                seat.wait_ready()
        except BaseException:
            self._end()
            self._role.close()
            raise
        self._watcher = threading.Thread(target=self._watch, name="server-supervisor", daemon=True)
        self._watcher.start()
        # A thread each: an endpoint that is away keeps no other waiting.
        self._couriers = [
            threading.Thread(target=self._deliver, args=[each], name=f"delivery of {each.name}", daemon=True)
            for each in deliveries
        ]
        for courier in self._couriers:
            courier.start()
        return self

    def stop(self) -> None:
        """Drain the workers, then publish what they logged."""
        self._stopping.set()
        for courier in self._couriers:
            courier.join(COURIER_S)
        self._couriers = []
        if self._watcher is not None:
            self._watcher.join()
            self._watcher = None
        self._end()
        self._publish()
        self._role.close()

    def run_forever(self, announce: Callable[[], None] | None = None) -> None:
        """Start, and serve until SIGTERM or Ctrl-C. For the main thread.

        Args:
            announce: called once the server answers, with `url` known; None = nothing more is said.

        Raises:
            UnavailableError: a worker died again and again before it was ready; the others were drained.
        """
        before = {
            number: signal.signal(number, lambda *_: self._ended.set())
            for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            with self:
                self._log.info(
                    "server.ready",
                    f"serving on {self.url} with {self._n_workers} worker(s)",
                    url=self.url,
                    n_workers=self._n_workers,
                )
                if announce is not None:
                    announce()
                self._ended.wait()
                failure = self.failure
                self._log.info("server.draining", "draining", url=self.url)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        self._log.info("server.stopped", "stopped", url=self.url, n_restarts=self._n_restarts)
        if failure is not None:
            raise failure

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
        # The workers say as much as this process does, about the same work.
        overrides["log.level"] = level_in_force()
        overrides["log.correlation_id"] = context().get("correlation_id", config.log.correlation_id)
        return Orders(
            folder=str(config.folder),
            overrides=overrides,
            host=self._host,
            port=self._port,
            name=f"worker-{number}",
            http=self._http,
        )

    def _watch(self) -> None:
        publish_at_s = time.monotonic() + PUBLISH_EVERY_S
        while not self._stopping.wait(LOOK_EVERY_S):
            for seat in self._seats:
                self._try("worker.look_failed", f"looking after {seat.name}", seat.look, worker=seat.name)
            if self.failure is not None:
                self._ended.set()
            if time.monotonic() >= publish_at_s:
                publish_at_s = time.monotonic() + PUBLISH_EVERY_S
                self._publish()

    def _publish(self) -> None:
        self._try("prediction_log.publish_failed", "publishing the prediction log", self._publish_each)

    def _publish_each(self) -> None:
        for name in self._project.deployments.names():
            # What is not published waits in its segment; the next round tries again.
            self._try(
                "prediction_log.publish_failed",
                f"publishing the prediction log of {name!r}",
                partial(self._publish_one, name),
                deployment=name,
            )

    def _publish_one(self, name: str) -> None:
        self._project.deployments.get(name).publish_log()

    def _try(self, event: str, what: str, do: Callable[[], object], **fields: Any) -> None:
        """The watcher outlives whatever fails, the database and the disk among it."""
        try:
            do()
        except Exception as error:  # noqa: BLE001  said, and tried again at the next round
            self._log.warning(event, f"{what} failed: {type(error).__name__}: {error}", error=error, **fields)

    def _deliver(self, delivery: Delivery) -> None:
        while not self._stopping.wait(DELIVER_EVERY_S):
            try:
                delivery.run(self._stopping.wait)
            except (InputError, IntegrityError) as error:
                self._log.error(
                    "delivery.stopped",
                    f"{delivery.name}: nothing is delivered until the server starts again: {error}",
                    error=error,
                    delivery=delivery.name,
                )
                return
            except Exception as error:  # noqa: BLE001  said; the next round goes on from the same place in the log
                self._log.warning(
                    "delivery.waits",
                    f"{delivery.name}: delivery waits: {error}",
                    error=error,
                    delivery=delivery.name,
                )

    def _end(self) -> None:
        for seat in self._seats:
            seat.terminate()
        for seat in self._seats:
            seat.end(DRAIN_S + 5)
        self._n_restarts += sum(seat.n_restarts for seat in self._seats)
        self._seats = []


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
