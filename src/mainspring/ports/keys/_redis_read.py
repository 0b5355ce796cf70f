"""The command that reads many keys on Redis, as it is sent."""

from __future__ import annotations

from collections.abc import Sequence

from mainspring.ports.keys._redis_connections import pack


def read_command(name: bytes, keys: Sequence[bytes], lengths: set[int]) -> bytes:
    """HMGET of these fields in the server's protocol.

    The library looks at each argument, which takes as long as the server takes to answer. Keys of one type are mostly
    of one length: then what stands between two of them is always the same.

    Args:
        name: of the hash.
        keys: the fields, at least one.
        lengths: which lengths they have.

    Source: https://redis.io/docs/latest/develop/reference/protocol-spec/ (arrays of bulk strings).
    """
    if len(lengths) > 1:
        return pack((b"HMGET", name, *keys))
    (length,) = lengths
    between = b"\r\n$%d\r\n" % length
    head = b"*%d\r\n$5\r\nHMGET\r\n$%d\r\n%b" % (len(keys) + 2, len(name), name)
    return b"%b%b%b\r\n" % (head, between, between.join(keys))
