"""What is told of artifacts and of those that are on their way, as frozen values."""

from __future__ import annotations

from datetime import datetime

from mainspring.lineage.spec import Value


class Entry(Value):
    """A file or a folder in a listing.

    Attributes:
        path: in the run, whole.
        size_bytes: None for a folder.
    """

    path: str
    is_folder: bool
    size_bytes: int | None


class Upload(Value):
    """An artifact that is sent in parts, in any order and by any number of senders.

    Attributes:
        id: whoever knows it may send parts: it cannot be guessed.
        name: what the artifact will be called in the run.
        n_parts: numbered from 1.
        touched_at: when it was begun, or a part came last, by the machine's clock.
    """

    id: str
    run_id: str
    name: str
    n_parts: int
    began_at: datetime
    touched_at: datetime


class Part(Value):
    """A part that has come, and is kept as a blob until the whole is put together.

    Attributes:
        number: from 1, in the order of the whole.
    """

    upload_id: str
    number: int
    sha256: str
    size_bytes: int
    put_at: datetime
