"""The worker's ASGI application: bare, because its routes are few and hot.

Every reply is JSON. A refusal has the five fields of an error: code, expected, got, where, hint; and the
request's id, which every line of the log about the request carries.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from mainspring.errors import (
    AccessError,
    ConflictError,
    InputError,
    MainspringError,
    RetiredError,
    StateError,
    UnavailableError,
    UnknownNameError,
)
from mainspring.log import bind, get_logger, restore
from mainspring.server.asgi import (
    ClientGoneError,
    Receive,
    Scope,
    Send,
    TooLargeError,
    find_given_id,
    json_headers,
    read_body,
    request_id,
)
from mainspring.server.mlflow import Mlflow
from mainspring.serving.predictor import Answer, Predictor
from mainspring.serving.spec import OutcomeCounts
from mainspring.serving.wire import ErrorBody, encoder, outcomes_decoder, predict_decoder
from mainspring.types import new_id

_log = get_logger(__name__)

PREFIX: Final = "/v1/deployments"
MAX_BODY_BYTES: Final = 1024 * 1024
MAX_OUTCOMES_BYTES: Final = 16 * 1024 * 1024
MAX_WAITING: Final = 256
RETRY_AFTER_S: Final = b"1"

_STATUS: Final[list[tuple[type[MainspringError], int]]] = [
    (ConflictError, 409),
    (UnavailableError, 503),
    (AccessError, 503),
    (RetiredError, 410),
    (StateError, 503),
    (UnknownNameError, 404),
    (InputError, 400),
]

PostOutcomes = Callable[[str, list[tuple[str, float, Any]]], OutcomeCounts]


class App:
    """Answers HTTP for the deployments of one project, in one process and one event loop.

    Args:
        predictors: by deployment; may change while it serves.
        post_outcomes: stores labels; runs in a thread.
        worker: this process' name, shown by /health.
        mlflow: answers what is the MLflow protocol's; None = nobody does.

    Attributes:
        ready: False until models are loaded and warm: /health then says 503.
        draining: True refuses new requests with 503, while those under way are answered.
        n_waiting: requests under way.
    """

    def __init__(
        self,
        predictors: Mapping[str, Predictor],
        post_outcomes: PostOutcomes,
        worker: str,
        mlflow: Mlflow | None = None,
    ) -> None:
        self._predictors = predictors
        self._post_outcomes = post_outcomes
        self._worker = worker
        self._mlflow = mlflow
        self._routes: dict[str, str] = {}
        self.ready = False
        self.draining = False
        self.n_waiting = 0
        self._idle = asyncio.Event()
        # Drawn once: a number behind it costs a request less than an id of its own.
        self._drawn = f"{new_id()}-"
        self._numbers = itertools.count(1)
        self.n_answered = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        # Not by a `with`: this is on the way of every prediction.
        around = bind(
            {"request_id": find_given_id(scope["headers"]) or f"{self._drawn}{next(self._numbers)}"}
        )
        self.n_waiting += 1
        try:
            if self.n_waiting > MAX_WAITING:
                await _reply(send, 503, _error(_busy(scope["path"])), retry=True)
                return
            await self._route(scope, receive, send)
        except Exception as error:  # noqa: BLE001  no route's failure may end the worker or leave a caller waiting
            await self._fail(f"{scope['method']} {scope['path']}", error, send)
        finally:
            restore(around)
            self.n_waiting -= 1
            if self.draining and not self.n_waiting:
                self._idle.set()

    async def drain(self, within_s: float) -> bool:
        """Refuse new requests and wait for those under way; False if some were not done in time."""
        self.draining = True
        if not self.n_waiting:
            return True
        try:
            await asyncio.wait_for(self._idle.wait(), within_s)
        except TimeoutError:
            return False
        return True

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, method = scope["path"], scope["method"]
        # The hot route is a dictionary look-up; anything else is taken apart.
        name = self._routes.get(path)
        if name is not None and method == "POST":
            await self._predict(name, scope, receive, send)
            return
        if self._mlflow is not None and self._mlflow.is_for(path):
            await self._mlflow.answer(scope, receive, send, is_open=self.ready and not self.draining)
            return
        name, action = _parts(path)
        if path == "/health" and method == "GET":
            await self._health(send)
        elif path == PREFIX and method == "GET":
            await _reply(send, 200, encoder.encode({"deployments": self._served()}))
        elif path in ("/health", PREFIX):
            await _reply(send, 405, _error(_wrong_method(path, method, "GET")), allow=b"GET")
        elif action not in ("predict", "outcomes"):
            await _reply(send, 404, _error(_no_route(path)))
        elif method != "POST":
            await _reply(send, 405, _error(_wrong_method(path, method, "POST")), allow=b"POST")
        elif name not in self._predictors:
            await _reply(
                send, 404, _error(UnknownNameError.of("deployment", name, self._predictors, f"POST {path}"))
            )
        elif action == "predict":
            self._routes[path] = name
            await self._predict(name, scope, receive, send)
        else:
            await self._outcomes(name, scope, receive, send)

    async def _predict(self, name: str, scope: Scope, receive: Receive, send: Send) -> None:
        rest: Callable[[], None] | None = None
        try:
            self._admit(scope["path"])
            body = await read_body(
                scope,
                receive,
                MAX_BODY_BYTES,
                "A prediction takes the keys and the request of one entity; send nothing else.",
            )
            given = _decoded(predict_decoder, body, scope["path"])
            answer, rest = self._predictors[name].answer(given.keys, given.request, given.prediction_id)
        except ClientGoneError:
            return
        except MainspringError as error:
            await _refuse(send, error, name)
            return
        self.n_answered += 1
        await _reply_answer(send, answer)
        _log.debug("request.answered", "a prediction", deployment=name, prediction_id=answer.prediction_id)
        if rest is not None:
            try:
                rest()
            except Exception as error:  # noqa: BLE001  the caller has the answer; only the operator is to know
                _log.error(
                    "shadow.failed",
                    f"the shadow of {name!r} failed",
                    error=error,
                    trace=True,
                    deployment=name,
                    prediction_id=answer.prediction_id,
                )

    async def _outcomes(self, name: str, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._admit(scope["path"])
            body = await read_body(scope, receive, MAX_OUTCOMES_BYTES, "Send fewer outcomes at once.")
            given = _decoded(outcomes_decoder, body, scope["path"])
            rows = [(item.prediction_id, float(item.value), item.known_at) for item in given.outcomes]
            counts = await asyncio.to_thread(self._post_outcomes, name, rows)
        except ClientGoneError:
            return
        except MainspringError as error:
            await _refuse(send, error, name)
            return
        await _reply(send, 200, encoder.encode(counts.model_dump(mode="json")))

    def _admit(self, path: str) -> None:
        if self.draining or not self.ready:
            raise UnavailableError(
                expected="a server that is ready",
                got="one that is shutting down" if self.draining else "one that is still loading models",
                where=path,
                hint="Try again in a second; /health says when it is ready.",
            )

    async def _fail(self, where: str, error: Exception, send: Send) -> None:
        _log.error("request.failed", f"{where} failed", error=error, trace=True)
        # The reply may have begun, or its reader may be gone: then there is nobody to tell.
        with contextlib.suppress(Exception):
            await _reply(send, 500, _error(_failed(where, error, self._worker)))

    async def _health(self, send: Send) -> None:
        state = "draining" if self.draining else "ready" if self.ready else "loading"
        body = {"status": state, "worker": self._worker, "deployments": self._served()}
        await _reply(send, 200 if state == "ready" else 503, encoder.encode(body))

    def _served(self) -> dict[str, Any]:
        served: dict[str, Any] = {}
        for name, predictor in list(self._predictors.items()):
            table, error = predictor.table, predictor.load_error
            if table is not None and table.is_retired:
                continue
            served[name] = {
                "arms": [] if table is None else [[arm.name, arm.model, arm.version] for arm in table.arms],
                "revision": None if table is None else table.revision,
                "epoch": None if table is None else table.epoch,
                "load_error": None if error is None else str(error),
                "n_logged": predictor.log.n_appended,
                "n_lost": predictor.log.n_lost,
            }
        return served


def _decoded(decoder: msgspec.json.Decoder[Any], body: bytes, path: str) -> Any:
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        valid = isinstance(error, msgspec.ValidationError)
        raise InputError(
            expected="the fields that this route takes" if valid else "JSON",
            got=str(error),
            where=f"POST {path}",
            hint=f"It takes {', '.join(decoder.type.__struct_fields__)}: see docs/reference/http.md.",
        ) from error


def _parts(path: str) -> tuple[str, str]:
    """Deployment and action of `/v1/deployments/{name}/{action}`; empty where the path is another."""
    name, _, action = path.removeprefix(PREFIX + "/").partition("/")
    return (name, action) if path.startswith(PREFIX + "/") else ("", "")


async def _reply_answer(send: Send, answer: Answer) -> None:
    body = encoder.encode(answer)
    headers = [
        *json_headers(body),
        (b"x-prediction-id", answer.prediction_id.encode("latin-1", "replace")),
        (b"x-model-version", str(answer.model_version).encode()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _reply(
    send: Send, status: int, body: bytes, *, retry: bool = False, allow: bytes | None = None
) -> None:
    headers = json_headers(body)
    if allow is not None:
        headers.append((b"allow", allow))
    if retry:
        headers.append((b"retry-after", RETRY_AFTER_S))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _refuse(send: Send, error: MainspringError, deployment: str) -> None:
    if isinstance(error, TooLargeError):
        status = 413
    else:
        status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    # A full disk or a wrong client refuses thousands in a second: only what should not fail is always said.
    say = _log.warning if status == 500 else _log.debug
    say("request.refused", f"refused: {error}", error=error, deployment=deployment, status=status)
    await _reply(send, status, _error(error), retry=status == 503)


def _error(error: MainspringError) -> bytes:
    return encoder.encode(ErrorBody(**error.to_dict(), request_id=request_id()))


def _busy(path: str) -> UnavailableError:
    return UnavailableError(
        expected=f"at most {MAX_WAITING} requests at once",
        got="more",
        where=path,
        hint="Try again in a second, or run more workers.",
    )


def _no_route(path: str) -> UnknownNameError:
    routes = [f"{PREFIX}/NAME/predict", f"{PREFIX}/NAME/outcomes", PREFIX, "/health"]
    return UnknownNameError.of("route", path, routes, "HTTP")


def _wrong_method(path: str, method: str, right: str) -> InputError:
    hint = "Send the body with POST." if right == "POST" else "Ask with GET."
    return InputError(expected=right, got=method, where=path, hint=hint)


class _ServerError(MainspringError):
    """Something that should not fail did."""

    code = "server.failed"


def _failed(where: str, error: Exception, worker: str) -> _ServerError:
    return _ServerError(
        expected="an answer",
        got=f"{type(error).__name__}: {error}",
        where=where,
        hint=f"The traceback is in the server's log, under {worker} and this request's id.",
    )
