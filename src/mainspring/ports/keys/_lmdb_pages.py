"""Whether LMDB's file has every page that is in use: it is mapped, and reading what was cut off kills the process.

The file may rightly be shorter than the number of its pages says: pages that a transaction took and gave up again need
not be written. So where it is shorter, the trees are walked for a page that lies beyond its end.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from typing import Final

import lmdb

from mainspring.errors import IntegrityError

# As lmdb.h and mdb.c lay them out on machines of 64 bits.
_PAGE: Final = Struct("=QHHHH")
_NODE: Final = Struct("=HHHH")
_META: Final = Struct("=IIQQ")
_TREE: Final = Struct("=IHHQQQQQ")
_END: Final = Struct("=QQ")
_PAGE_NUMBER: Final = Struct("=Q")
_POINTER: Final = Struct("=H")
_NO_PAGE: Final = (1 << 64) - 1
_IS_BRANCH: Final = 0x01
_IS_ELSEWHERE: Final = 0x01


def check_pages(environment: lmdb.Environment, file: Path) -> None:
    """The file reaches to the last page in use; nothing of the map is read.

    Raises:
        IntegrityError: it does not.
    """
    page_bytes = int(environment.stat()["psize"])
    n_pages = int(environment.info()["last_pgno"]) + 1
    if (size_bytes := file.stat().st_size) >= n_pages * page_bytes:
        return
    # The transaction keeps others from using its pages again meanwhile.
    with environment.begin() as transaction, file.open("rb") as content:
        pages = _Pages(content.fileno(), page_bytes)
        if all(pages.is_there(root, overflows) for root, overflows in pages.roots(transaction.id())):
            return
    raise IntegrityError(
        expected=f"an LMDB store with the {n_pages * page_bytes:,} bytes that it says",
        got=f"{size_bytes:,} bytes, without pages that are in use",
        where=str(file),
        hint="The file was cut: remove its folder and run `mainspring features materialize`; the tables hold what "
        "was in it.",
    )


class _Pages:
    """The pages of a file, read and not mapped."""

    def __init__(self, descriptor: int, page_bytes: int) -> None:
        self._descriptor = descriptor
        self._page_bytes = page_bytes

    def roots(self, transaction_id: int) -> Iterator[tuple[int, bool]]:
        """The roots of the trees of a transaction, and whether values of theirs lie on pages of their own."""
        for number in (0, 1):
            page = self._read(number)
            trees_at = _PAGE.size + _META.size
            _, written_by = _END.unpack_from(page, trees_at + 2 * _TREE.size)
            if written_by != transaction_id:
                continue
            for at in (trees_at, trees_at + _TREE.size):
                *_, n_overflows, _, root = _TREE.unpack_from(page, at)
                yield root, n_overflows > 0
            return

    def is_there(self, root: int, overflows: bool) -> bool:
        """Whether all pages of a tree lie within the file."""
        due = [] if root == _NO_PAGE else [root]
        while due:
            page = self._read(due.pop())
            if len(page) < self._page_bytes:
                return False
            _, _, flags, lower, _ = _PAGE.unpack_from(page)
            nodes = [at for (at,) in _POINTER.iter_unpack(page[_PAGE.size : lower])]
            if flags & _IS_BRANCH:
                below = [_child(page, at) for at in nodes]
                if not all(map(self._reaches, below)):
                    return False
                # Leaves refer to others only where values are long.
                if overflows or self._is_branch(below[0]):
                    due += below
            elif not all(map(self._reaches, self._overflows(page, nodes))):
                return False
        return True

    def _overflows(self, page: bytes, nodes: list[int]) -> Iterator[int]:
        """The last page of every value of a leaf that lies on pages of its own."""
        for at in nodes:
            low, high, flags, key_bytes = _NODE.unpack_from(page, at)
            if flags & _IS_ELSEWHERE:
                (first,) = _PAGE_NUMBER.unpack_from(page, at + _NODE.size + key_bytes)
                value_bytes = low | high << 16
                yield first + (_PAGE.size - 1 + value_bytes) // self._page_bytes

    def _is_branch(self, number: int) -> bool:
        _, _, flags, _, _ = _PAGE.unpack_from(self._read(number))
        return bool(flags & _IS_BRANCH)

    def _reaches(self, number: int) -> bool:
        return (number + 1) * self._page_bytes <= os.fstat(self._descriptor).st_size

    def _read(self, number: int) -> bytes:
        return os.pread(self._descriptor, self._page_bytes, number * self._page_bytes)


def _child(page: bytes, at: int) -> int:
    low, high, flags, _ = _NODE.unpack_from(page, at)
    return int(low | high << 16 | flags << 32)
