"""Scripts that write on Redis: one compares and sets up to 1,000 entries, a larger put is several, one removes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Final

from mainspring.ports.keys._redis_connections import Command

#: How many entries one script writes: the server does nothing else in that time, about a millisecond.
ENTRIES_AT_ONCE: Final = 1_000
#: A script's arguments lie in the server's memory as a whole.
BYTES_AT_ONCE: Final = 1 << 20
#: What is sent before replies are read.
BYTES_IN_FLIGHT: Final = 16 << 20

#: Lua's numbers hold 53 bits and its comparison of strings follows the server's locale, so the header's 64-bit
#: numbers are compared in halves: the upper one signed, the lower one not. What has no header is replaced; format 1
#: has no ordinal. First come the guards: how many, and of each the field and what it has to hold, of no bytes where
#: it has to hold nothing.
_PUT: Final = b"""
local header = '>Bi4I4i4I4i4I4I4'
local header_1 = '>Bi4I4i4I4i4I4'
local n_written = 0
local function is_newer(new, old)
  if not old then return true end
  local a = {struct.unpack(header, new)}
  local b
  if #old >= 29 and string.byte(old) == 2 then
    b = {struct.unpack(header, old)}
  elseif #old >= 25 and string.byte(old) == 1 then
    b = {struct.unpack(header_1, old)}
    b[8] = 0
  else
    return true
  end
  for i = 2, 8 do
    if a[i] ~= b[i] then return a[i] > b[i] end
  end
  return false
end
local first = 2 + 2 * ARGV[1]
for i = 2, first - 1, 2 do
  if (redis.call('HGET', KEYS[1], ARGV[i]) or '') ~= ARGV[i + 1] then return -1 end
end
for i = first, #ARGV, 2 do
  if is_newer(ARGV[i + 1], redis.call('HGET', KEYS[1], ARGV[i])) then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
    n_written = n_written + 1
  end
end
return n_written
"""
OVERTAKEN: Final = -1
"""What the script answers where a guard is not as given."""

#: Field and the forms that an entry may be stored as, of each entry.
_REMOVE: Final = b"""
local n_removed = 0
for i = 1, #ARGV, 3 do
  local stored = redis.call('HGET', KEYS[1], ARGV[i])
  if stored and (stored == ARGV[i + 1] or stored == ARGV[i + 2]) then
    n_removed = n_removed + redis.call('HDEL', KEYS[1], ARGV[i])
  end
end
return n_removed
"""
_PUT_SHA1: Final = hashlib.sha1(_PUT, usedforsecurity=False).hexdigest().encode()


def rounds(
    name: bytes, rows: Sequence[tuple[bytes, bytes]], guards: Sequence[tuple[bytes, bytes | None]]
) -> Iterator[list[Command]]:
    """The scripts of one put, in lists that are sent at once; each compares the guards."""
    asked = [b"%d" % len(guards), *(item for key, stored in guards for item in (key, stored or b""))]
    commands: list[Command] = []
    in_flight = 0
    for part, n_bytes in _parts(rows):
        arguments = [item for row in part for item in row]
        # The text goes first and teaches the server its digest: also one that was restarted in between.
        script = (b"EVALSHA", _PUT_SHA1) if commands else (b"EVAL", _PUT)
        commands.append((*script, 1, name, *asked, *arguments))
        in_flight += n_bytes
        if in_flight >= BYTES_IN_FLIGHT:
            yield commands
            commands, in_flight = [], 0
    if commands:
        yield commands


def removals(name: bytes, rows: Sequence[tuple[bytes, bytes, bytes]]) -> Iterator[Command]:
    """The scripts of a removal: of each entry the field and the forms that it may be stored as."""
    for at in range(0, len(rows), ENTRIES_AT_ONCE):
        part = rows[at : at + ENTRIES_AT_ONCE]
        yield (b"EVAL", _REMOVE, 1, name, *(item for row in part for item in row))


def _parts(rows: Sequence[tuple[bytes, bytes]]) -> Iterator[tuple[list[tuple[bytes, bytes]], int]]:
    part: list[tuple[bytes, bytes]] = []
    n_bytes = 0
    for row in rows:
        part.append(row)
        n_bytes += len(row[0]) + len(row[1])
        if len(part) == ENTRIES_AT_ONCE or n_bytes >= BYTES_AT_ONCE:
            yield part, n_bytes
            part, n_bytes = [], 0
    if part:
        yield part, n_bytes
