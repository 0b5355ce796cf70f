"""Compares the stores of a project when it is opened: each has to carry the id that the records name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mainspring.config import Config
from mainspring.errors import ConflictError, IntegrityError, SchemaOlderError
from mainspring.identity.disks import keys_folder
from mainspring.identity.marks import MARK_PREFIX, Mark, find_mark, mark_file, write_mark
from mainspring.identity.place import PLACE_MARK, find_original, find_place, is_settled, write_place
from mainspring.identity.store import Stores, begin_stores, find_stores, has_history, set_stores
from mainspring.ports._address import path_of, scheme_of
from mainspring.ports._disk import refusals
from mainspring.ports.records import Records
from mainspring.types import new_id

SERVING: Final = "serving"
"""The folder of a home with weight tables and segments of the prediction log."""


@dataclass(frozen=True)
class Flaw:
    """A store that is not the one that belongs here.

    Attributes:
        kind: `blobs`, `tables`, `keys`, `serving`, `records` or `home`.
        is_marked: whether it says whose it is.
    """

    kind: str
    expected: str
    got: str
    where: str
    is_marked: bool = True


class Identity:
    """Whose the stores of a configuration are.

    Stores that a plug-in opens carry no mark and are not compared. A Redis is compared by its own backend.
    """

    def __init__(self, config: Config, records: Records) -> None:
        self._config = config
        self._records = records
        self._project_id = config.project.id
        self._home = config.home_path

    def settle(self) -> str:
        """Compare, and mark what is new; the id that all stores carry. For whoever opens the home to write.

        Raises:
            SchemaOlderError: the home is of 0.1.0, which marked nothing.
            ConflictError: a store is another home's, or nobody's; or the home is a copy.
        """
        said = self._find_known() or begin_stores(self._records, new_id(), self._project_id)
        place = find_place(self._home)
        if not said.settled:
            self._mark_unmarked(said)
        self._refuse(self.flaws(said))
        serving = self._home / SERVING
        if place is None and find_mark(serving, self._project_id) is None:
            write_mark(serving, Mark(self._project_id, said.stores_id, SERVING))
        if place is None or not is_settled(self._home, place):
            with refusals(self._home):
                home_id = new_id() if place is None else place.home_id
                write_place(self._home, said.stores_id, home_id=home_id)
        if not said.settled:
            with self._records.write() as connection:
                set_stores(connection, said.model_copy(update={"settled": True}), self._project_id)
        return said.stores_id

    def check_records(self) -> None:
        """A home that was opened before has its records, here or in the database that is configured.

        Raises:
            ConflictError: there is no database, or an empty one. Nothing was made.
        """
        if self._records.schema_revision() is None and find_place(self._home) is not None:
            raise self._missing("no database, or an empty one")

    def check_adoptable(self) -> None:
        """The records hold what the home's folders do not: with none of them nobody knows what is in there.

        Raises:
            ConflictError: the records are missing, or empty, and the home has something in it.
        """
        if not self._has_content():
            return
        if self._records.schema_revision() is None:
            raise self._missing("no database, or an empty one")
        with self._records.read() as connection:
            is_known = find_stores(connection, self._project_id) or has_history(connection, self._project_id)
        if not is_known:
            raise self._missing("a database that knows no home")

    def check(self) -> str:
        """Compare, and change nothing; the id that all stores carry, empty where the home was never settled.

        A copy of a home may be looked at.

        Raises:
            ConflictError: a store is another home's, or nobody's.
        """
        said = self._find_known()
        if said is None:
            return ""
        self._refuse([flaw for flaw in self.flaws(said) if flaw.kind != "home"])
        return said.stores_id

    def flaws(self, said: Stores | None = None) -> list[Flaw]:
        """What does not belong together; nothing where the records know no stores."""
        said = said or self._find()
        if said is None:
            return self._unknown()
        found = []
        try:
            place, original = find_place(self._home), find_original(self._home)
        except IntegrityError as error:
            place = original = None
            found.append(Flaw("home", error.expected, error.got, error.where))
        wanted = (place.stores_id if place is not None else "") or said.stores_id
        if wanted != said.stores_id or (place is not None and said.settled and not place.stores_id):
            got = f"those of home {said.stores_id}"
            found.append(Flaw("records", f"the records of home {wanted}", got, self._records.url))
        if original is not None:
            found.append(Flaw("home", "one home of its id", f"a copy of {original}", str(self._home)))
        for kind, folder in self.folders().items():
            flaw = self._flaw(kind, folder, wanted)
            # Weight tables and log segments are made with the home.
            is_new = kind == SERVING and place is None and flaw is not None and not flaw.is_marked
            if flaw is not None and not is_new:
                found.append(flaw)
        return found

    def folders(self) -> dict[str, Path]:
        """The folders that carry a mark, by kind; those of keys only once something is in them."""
        found = {
            kind: path_of(self._config.url(kind))
            for kind in ("blobs", "tables")
            if scheme_of(self._config.url(kind)) == "file"
        }
        keys = keys_folder(self._config)
        if keys is not None and (keys / "data.mdb").exists():
            found["keys"] = keys
        return {**found, SERVING: self._home / SERVING}

    def claim(self, *, lies_at: Path | None = None) -> str:
        """Give all stores of the configuration a new id: from now on they belong together, and to nothing else.

        Args:
            lies_at: where the home will lie; None = where it lies.
        """
        said = Stores(stores_id=new_id(), settled=False)
        begin_stores(self._records, said.stores_id, self._project_id)
        with self._records.write() as connection:
            set_stores(connection, said, self._project_id)
        for kind, folder in self.folders().items():
            write_mark(folder, Mark(self._project_id, said.stores_id, kind))
        with refusals(self._home):
            write_place(self._home, said.stores_id, home_id=new_id(), lies_at=lies_at)
        with self._records.write() as connection:
            set_stores(connection, said.model_copy(update={"settled": True}), self._project_id)
        return said.stores_id

    def is_marked(self) -> bool:
        """Whether the records and the home know what belongs to them."""
        place = find_place(self._home)
        return self._find() is not None and (place is None or bool(place.stores_id))

    def mark_keys(self, stores_id: str) -> None:
        """Mark a folder of online values before anything is in it."""
        folder = keys_folder(self._config)
        if folder is not None and not (folder / "data.mdb").exists():
            mark = Mark(self._project_id, stores_id, "keys")
            if find_mark(folder, self._project_id) != mark:
                write_mark(folder, mark)

    def _find(self) -> Stores | None:
        with self._records.read() as connection:
            return find_stores(connection, self._project_id)

    def _flaw(self, kind: str, folder: Path, stores_id: str) -> Flaw | None:
        where = str(mark_file(folder, self._project_id))
        expected = f"the {kind} of home {stores_id}"
        try:
            mark = find_mark(folder, self._project_id)
        except IntegrityError as error:
            return Flaw(kind, expected, error.got, error.where)
        if mark is None:
            got = "no mark: a folder that is empty, or of another project"
            return Flaw(kind, expected, got, where, is_marked=False)
        if mark.stores_id != stores_id:
            return Flaw(kind, expected, f"those of home {mark.stores_id}", where)
        return None

    def _mark_unmarked(self, said: Stores) -> None:
        """While the records are not settled, whoever opens the home marks what is unmarked; two may do it at once."""
        for kind, folder in self.folders().items():
            if find_mark(folder, self._project_id) is None:
                write_mark(folder, Mark(self._project_id, said.stores_id, kind))

    def _find_known(self) -> Stores | None:
        """What the records say; None for a home that is new.

        Raises:
            SchemaOlderError, ConflictError: the records know no stores, though the home was opened before.
        """
        said = self._find()
        if said is None and (refusal := self._refusal_of_known()) is not None:
            # Another process may have been the first to open it, between our looks. It tells the records first.
            said = self._find()
            if said is None:
                raise refusal
        return said

    def _unknown(self) -> list[Flaw]:
        """The records, where they know no stores and the home says that they did."""
        try:
            place = find_place(self._home)
        except IntegrityError as error:
            return [Flaw("home", error.expected, error.got, error.where)]
        if place is None or not place.stores_id:
            return []
        expected = f"the records of home {place.stores_id}"
        return [Flaw("records", expected, "a database that knows no home", self._records.url)]

    def _has_content(self) -> bool:
        """Whether a folder of the home has more in it than marks."""
        return any(
            path.is_file() and not path.name.startswith(MARK_PREFIX)
            for folder in self.folders().values()
            for path in folder.rglob("*")
        )

    def _missing(self, got: str) -> ConflictError:
        return ConflictError(
            expected=f"the records of the home {self._home}",
            got=got,
            where=self._records.url,
            hint="The records are missing. Is records.url another address, or a disk not mounted? Correct that, or "
            "put the database back. Else restore a backup: `mainspring restore BACKUPS FOLDER`. Nothing was made.",
        )

    def _refusal_of_known(self) -> ConflictError | SchemaOlderError | None:
        """For records that know no stores: that is so before a home is first opened, and never again."""
        place = find_place(self._home)
        if place is not None and place.stores_id:
            return self._missing("a database that knows no home")
        with self._records.read() as connection:
            is_old = place is not None or has_history(connection, self._project_id)
        if not is_old:
            return None
        return SchemaOlderError(
            expected="stores that say whose they are",
            got="a home of 0.1.0, whose stores say nothing",
            where=str(self._home / PLACE_MARK),
            hint="Run: mainspring upgrade --backup DIR",
        )

    def _refuse(self, flaws: list[Flaw]) -> None:
        if flaws:
            raise refused(flaws)


def refused(flaws: list[Flaw]) -> ConflictError:
    """For stores that do not belong together. Nothing of them was read or written."""
    return ConflictError(
        expected="; ".join(flaw.expected for flaw in flaws),
        got="; ".join(flaw.got for flaw in flaws),
        where="; ".join(flaw.where for flaw in flaws),
        hint="Is a disk not mounted, or an address in mainspring.toml another one? Correct that. Go on with one of two "
        "copies of a home. Where it is meant so, `mainspring adopt` makes what is configured one home.",
    )
