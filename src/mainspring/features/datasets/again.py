"""What a training dataset was made of, to make it again."""

from __future__ import annotations

from mainspring.errors import InputError
from mainspring.features import store
from mainspring.features.datasets.api import TrainingDataset
from mainspring.features.read import Read
from mainspring.features.store import Stores


def spine_of(stores: Stores, data: TrainingDataset, given: object) -> object:
    """The rows that asked.

    Args:
        data: the dataset.
        given: what its maker says that they were; None = the read of a group that is stored.

    Raises:
        InputError: none are given, and they were no read of a group, or one with filters.
    """
    made = data.spec.spine
    if given is not None:
        # Where the view reads the group too, its pin may be of a later commit.
        of_spine = {} if made is None else {f"{made.group}@{made.version}": made.number}
        return given.pinned(of_spine) if isinstance(given, Read) else given
    if made is None or made.n_filters:
        raise InputError(
            expected="the rows that asked, as spine=…",
            got="none, and the dataset's were "
            + (f"a read of {made.group}@{made.version} with filters" if made else "no read of a group"),
            where=f"training dataset {data.name!r}, again",
            hint="Give what training_dataset was given: a frame, a file, or the read with its filters.",
        )
    with stores.records.read() as connection:
        group = store.find_group(connection, stores.project_id, made.group, made.version)
        assert group is not None
        commits = store.published(connection, group.group_id, up_to=made.number)
    return Read(stores, group, tuple(commits), start=made.start, end=made.end)
