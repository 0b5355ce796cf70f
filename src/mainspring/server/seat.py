"""One worker's place in a server: the process that has it, and how often that could not be started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import IO, Any, Final, cast

import msgspec

from mainspring.errors import UnavailableError
from mainspring.log import get_logger
from mainspring.server.worker import Orders
from mainspring.serving.weights import retry_after_s

START_S: Final = 60.0
MAX_FAILED_STARTS: Final = 5
"""In a row, each ending before the worker was ready; then there is no sixth.

A process that the system refuses to make has not begun, and is asked for again for as long as it takes.
"""


class Seat:
    """Starts one worker, and starts it again when it dies: at once if it was ready before, later each time if not.

    For one thread at a time.

    Args:
        orders: what the worker is told.
        say: hears what happens beside the log, a line each; None = nobody.

    Attributes:
        name: the worker's name.
        n_restarts: how often it was started again.
        failure: why it is not started any more; None while it is.
    """

    def __init__(self, orders: Orders, say: Callable[[str], None] | None = None) -> None:
        self.name = orders.name
        self.n_restarts = 0
        self.failure: UnavailableError | None = None
        self._orders = orders
        self._log = get_logger(__name__, say)
        self._n_failed = 0
        self._n_refused = 0
        self._again_s: float | None = None
        self._process = _Process(orders)

    @property
    def pid(self) -> int:
        """Process id of the worker, or of the one that died last."""
        return self._process.popen.pid

    def wait_ready(self) -> None:
        """Until the worker answers.

        Raises:
            UnavailableError: it ended, or was not ready in time.
        """
        self._process.ready.wait(START_S)
        if not self._process.was_ready:
            raise self._process.why(f"a worker that is ready within {START_S:.0f} s")

    def look(self) -> None:
        """Start the worker again if it died and it is time. Does nothing once that was given up."""
        status = self._process.popen.poll()
        if status is None or self.failure is not None:
            return
        now_s = time.monotonic()
        if self._again_s is None:
            self._again_s = now_s + self._mourn(status)
        if self.failure is None and now_s >= self._again_s:
            self._start_again(now_s)

    def _mourn(self, status: int) -> float:
        """Say how it died; returns how many seconds to wait before it is started again."""
        self._process.hear_out()
        self._n_failed = 0 if self._process.was_ready else self._n_failed + 1
        how = f"{self.name} (pid {self.pid}) {_how(status)}"
        died: dict[str, Any] = {
            "worker": self.name,
            "worker_pid": self.pid,
            "exit_code": status,
            "n_failed": self._n_failed,
        }
        if self._n_failed >= MAX_FAILED_STARTS:
            self.failure = self._process.why(f"a worker that is ready in one of {MAX_FAILED_STARTS} starts")
            self._log.error(
                "worker.given_up", f"{how}; giving up: {self.failure}", error=self.failure, **died
            )
            return 0.0
        wait_s = retry_after_s(self._n_failed - 1) if self._n_failed else 0.0
        again = "; starting it again" + (f" in {wait_s:g} s" if wait_s else "")
        self._log.warning("worker.died", how + again, **died, wait_s=wait_s)
        return wait_s

    def _start_again(self, now_s: float) -> None:
        try:
            self._process = _Process(self._orders)
        except OSError as error:
            # The machine has no process or no descriptor to spare: that passes, or somebody makes it pass.
            self._again_s = now_s + retry_after_s(self._n_refused)
            self._n_refused += 1
            self._log.warning(
                "worker.not_started", f"{self.name} cannot be started: {error}", error=error, worker=self.name
            )
        else:
            self._again_s = None
            self._n_refused = 0
            self.n_restarts += 1

    def terminate(self) -> None:
        """Tell the worker to drain; nothing if it is gone."""
        if self._process.popen.poll() is None:
            self._process.popen.terminate()

    def end(self, within_s: float) -> None:
        """Wait for a worker that was told to drain, and kill it if it does not."""
        try:
            self._process.popen.wait(within_s)
        except subprocess.TimeoutExpired:
            self._log.warning(
                "worker.killed",
                f"{self.name} did not drain in time and is killed",
                worker=self.name,
                worker_pid=self.pid,
                within_s=within_s,
            )
            self._process.popen.kill()
            self._process.popen.wait()


class _Process:
    """One worker process and what it says."""

    def __init__(self, orders: Orders) -> None:
        self._name = orders.name
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
        # A worker that is dead already is found to be so by whoever looks after it.
        with contextlib.suppress(BrokenPipeError):
            self._orders_in.write(msgspec.json.encode(orders) + b"\n")
            self._orders_in.flush()
        self._listener = threading.Thread(target=self._listen, name=f"listen-{orders.name}", daemon=True)
        self._listener.start()

    @property
    def was_ready(self) -> bool:
        """Whether it ever answered."""
        return "ready" in self.said

    def _listen(self) -> None:
        with self._pipe(self.popen.stdout) as words:
            for line in words:
                text = line.decode(errors="replace").strip()
                self.said.append(text)
                if text == "ready":
                    self.ready.set()
        with contextlib.suppress(BrokenPipeError):
            self._orders_in.close()
        # The end of its words is the end of waiting, ready or not.
        self.ready.set()

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        return cast("IO[bytes]", pipe)

    def hear_out(self) -> None:
        """Wait for the last words of a process that is dead."""
        self._listener.join(1.0)

    def why(self, expected: str) -> UnavailableError:
        """Why it is not ready, in its own words where it had any."""
        words = self.said[-1] if self.said else ""
        if words.startswith("failed "):
            parts = msgspec.json.decode(words.removeprefix("failed "))
            parts.pop("code")
            return UnavailableError(**parts)
        return UnavailableError(
            expected=expected,
            got=words or "no word from it",
            where=self._name,
            hint="What it printed above says why.",
        )


def _how(status: int) -> str:
    if status < 0:
        with contextlib.suppress(ValueError):
            return f"was killed by {signal.Signals(-status).name}"
    return f"ended with exit code {status}"
