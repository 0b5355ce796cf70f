"""Say whether the services that tests use answer: `python scripts/reach_services.py postgres redis`.

Addresses: MAINSPRING_TEST_POSTGRES (a SQLAlchemy URL) and MAINSPRING_TEST_REDIS (a redis: URL).
"""

from __future__ import annotations

import os
import socket
import sys
from urllib.parse import urlsplit

POSTGRES_URL = os.environ.get("MAINSPRING_TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/test")
REDIS_URL = os.environ.get("MAINSPRING_TEST_REDIS", "redis://127.0.0.1:6379/0")


def reach_postgres() -> str | None:
    """None if the server lets us in, else why not."""
    try:
        import psycopg
    except ImportError as error:
        return str(error)
    try:
        with psycopg.connect(POSTGRES_URL.replace("+psycopg", ""), connect_timeout=5) as connection:
            connection.execute("SELECT 1")
    except psycopg.OperationalError as error:
        return str(error).strip()
    return None


def reach_redis() -> str | None:
    """None if the server answers PING, else why not."""
    address = urlsplit(REDIS_URL)
    try:
        with socket.create_connection(
            (address.hostname or "127.0.0.1", address.port or 6379), timeout=5
        ) as wire:
            wire.sendall(b"PING\r\n")
            # A server with a password answers -NOAUTH: it is there.
            answer = wire.recv(64)
    except OSError as error:
        return str(error)
    return None if answer.startswith((b"+PONG", b"-NOAUTH")) else f"odd answer {answer!r}"


REACH = {"postgres": reach_postgres, "redis": reach_redis}


def main(names: list[str]) -> int:
    failures = {name: reason for name in names if (reason := REACH[name]()) is not None}
    for name, reason in failures.items():
        print(f"{name} cannot be reached: {reason}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
