"""The only place where configuration becomes objects: opens the ports and hands them to the rooms."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
from collections.abc import Mapping
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from mainspring.config import FILE_NAME, HOME_VARIABLE, READ_ONLY_VARIABLE, Config, EngineSection
from mainspring.errors import AccessError, ConflictError, InputError
from mainspring.identity.compare import Identity
from mainspring.identity.disks import check_disks
from mainspring.identity.place import PLACE_MARK, check_in_use
from mainspring.lineage.api import Graph
from mainspring.lineage.code import capture_code
from mainspring.log.bars import drawn
from mainspring.log.progress import Progress, silent
from mainspring.ports._disk import sync_file, sync_folder
from mainspring.ports.blobs import Blobs, open_blobs
from mainspring.ports.clock import Clock, open_clock
from mainspring.ports.engine import Engine, open_engine
from mainspring.ports.keys import Keys, open_keys
from mainspring.ports.read_only import for_reading
from mainspring.ports.records import Records, open_records
from mainspring.ports.tables import Tables, open_tables
from mainspring.types import new_id

# A room is imported when it is first used: a command that lists models must not wait for scipy and the rest.
if TYPE_CHECKING:
    from mainspring.evaluation.api import Evaluation
    from mainspring.features.api import Features
    from mainspring.gates.api import Gates
    from mainspring.lineage.delivery import Delivery
    from mainspring.lineage.openlineage_delivery import OpenLineageDelivery
    from mainspring.lineage.trace import Lineage
    from mainspring.models.api import Models
    from mainspring.models.spec import ModelVersion
    from mainspring.monitoring.api import Monitors
    from mainspring.monitoring.channel import AlertDelivery
    from mainspring.pipelines.api import Pipelines
    from mainspring.pipelines.elsewhere import Surroundings
    from mainspring.serving.api import Deployments
    from mainspring.tracking.api import Tracking


_Port = TypeVar("_Port")

PROJECT_MARK: Final = "project"
"""The file of a home that says whose it is."""


class Project:
    """One project, opened: its ports, and a room for each noun that people work with.

    Threads may share it. Close it, or use it as a context manager, to give its connections back. A room opens
    on first use.

    Args:
        as_is: make no home and ask nothing of its schema: for whoever looks at a project that may be damaged or old.
        progress: told of work that may take long, part by part.
    """

    def __init__(self, config: Config, *, as_is: bool = False, progress: Progress = silent) -> None:
        self.config = config
        self.progress = progress
        self.home = config.home_path
        self.read_only = config.home.read_only
        self._stores_id = ""
        if as_is:
            return
        check_in_use(self.home)
        if self.read_only:
            self._check_readable()
            return
        check_disks(config)
        try:
            self.home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _home_refused(self.home, error) from error
        self._claim_home()
        try:
            self.identity.check_records()
            self.records.set_up()
            self._stores_id = self.identity.settle()
            self._settle()
        except BaseException:
            self.records.close()
            raise

    def _check_readable(self) -> None:
        """What opening it for writing would make must be there."""
        found = _marked(self.home / PROJECT_MARK)
        if found != self.config.project.id:
            raise (ConflictError if found else AccessError)(
                expected=f"the home of project {self.config.project.id!r}",
                got=f"the home of project {found!r}" if found else "no home that was ever opened",
                where=str(self.home),
                hint="Read-only makes nothing: name its home in `home.path`, or open it once for writing.",
            )
        try:
            self.identity.check_records()
            self.records.check_current()
            self._stores_id = self.identity.check()
        except BaseException:
            self.records.close()
            raise

    def _claim_home(self) -> None:
        """A home is one project's: its deployments and clock are files whose names say nothing of the project."""
        mark = self.home / PROJECT_MARK
        try:
            found = _marked(mark) or self._mark_home(mark)
        except OSError as error:
            raise _home_refused(self.home, error) from error
        _refuse_owner(self.home, found, self.config.project.id)

    def _mark_home(self, mark: Path) -> str:
        """Claim a home that is nobody's; whose it is then, for another process may have been first."""
        # Under a second name first: whoever opens the home meanwhile sees the whole file or none.
        draft = mark.with_name(f".{mark.name}.{new_id()}")
        try:
            draft.write_text(self.config.project.id, encoding="utf-8")
            sync_file(draft)
            if mark.exists():
                # Empty: what a loss of power leaves of a file that never reached the disk.
                os.replace(draft, mark)
            else:
                with contextlib.suppress(FileExistsError):
                    os.link(draft, mark)
        finally:
            draft.unlink(missing_ok=True)
        sync_folder(mark.parent)
        return _marked(mark)

    def _settle(self) -> None:
        """Record what a process that died, or a rollback without the database, left on disk alone."""
        serving = self.home / "serving"
        if not serving.is_dir() or not any(place.is_dir() for place in serving.iterdir()):
            return
        from mainspring.serving.replay import Replay

        Replay(self.graph, self.home).settle()

    @cached_property
    def identity(self) -> Identity:
        """Whose the stores are."""
        return Identity(self.config, self.records)

    @cached_property
    def records(self) -> Records:
        """Transactions over the metadata."""
        return open_records(self.config.url("records"), read_only=self.read_only)

    @cached_property
    def blobs(self) -> Blobs:
        """Bytes by content digest."""
        return self._guarded(open_blobs(self.config.url("blobs")), "blobs")

    @cached_property
    def tables(self) -> Tables:
        """Columnar tables."""
        opened = open_tables(self.config.url("tables"), verify=self.config.tables.verify)
        return self._guarded(opened, "tables")

    @cached_property
    def keys(self) -> Keys:
        """Latest row by key."""
        if self._stores_id and not self.read_only:
            with contextlib.suppress(AccessError):
                # Reading what was never written needs no right to write; a first write says what is missing.
                self.identity.mark_keys(self._stores_id)
        keys = open_keys(
            self.config.url("keys"),
            namespace=self.config.project.id,
            connect_timeout_s=self.config.keys.connect_timeout_s,
            read_timeout_s=self.config.keys.read_timeout_s,
            read_only=self.read_only,
            stores_id=self._stores_id,
        )
        return self._guarded(keys, "keys")

    @cached_property
    def engine(self) -> Engine:
        """Who runs tasks."""
        section = self.config.engine
        return open_engine(
            section.kind, section.workers or None, task_timeout_s=section.task_timeout_s or None
        )

    @cached_property
    def clock(self) -> Clock:
        """What the present is."""
        return self._guarded(clock_of(self.config), "clock")

    def _guarded(self, port: _Port, kind: str) -> _Port:
        return for_reading(port, kind) if self.read_only else port

    @cached_property
    def graph(self) -> Graph:
        """The asset graph, which every room writes through."""
        return Graph(
            records=self.records,
            blobs=self.blobs,
            clock=self.clock,
            project_id=self.config.project.id,
            actor=self.config.actor_name,
            on_behalf_of=self.config.actor.on_behalf_of or None,
            code=lambda: capture_code(self.config.folder),
            lease_ttl_s=self.config.leases.ttl_s,
        )

    @cached_property
    def features(self) -> Features:
        """Feature groups, views, training datasets and online reads."""
        from mainspring.features.api import Features

        # Looking at groups needs no keys, and must not need a place where they could be written.
        more: dict[str, Any] = {"engine": lambda: self.engine, "progress": self.progress}
        if self.config.features.join_memory_bytes:
            more["join_memory_bytes"] = self.config.features.join_memory_bytes
        if not self.read_only:
            more["spill_root"] = spill_root(self.config.home_path)
        return Features(self.graph, self.tables, lambda: self.keys, self.config.find_secret, **more)

    @cached_property
    def tracking(self) -> Tracking:
        """Experiments and runs."""
        from mainspring.tracking.api import Tracking

        return Tracking(self.graph)

    @cached_property
    def pipelines(self) -> Pipelines:
        """Steps, plans and triggers. A step may take the project or any of its rooms as a resource."""
        from mainspring.evaluation.api import Evaluation
        from mainspring.features.api import Features
        from mainspring.features.datasets.api import TrainingDataset
        from mainspring.gates.api import Gates
        from mainspring.models.api import Models
        from mainspring.models.materialize import ModelMaterializer
        from mainspring.models.spec import ModelVersion
        from mainspring.pipelines.api import Pipelines
        from mainspring.serving.api import Deployments

        made = Pipelines(self.graph, self.engine, self.tracking)
        made.provide(Project, lambda _: self)
        made.provide(Features, lambda _: self.features)
        made.provide(Models, lambda _: self.models)
        made.provide(Evaluation, lambda _: self.evaluation)
        made.provide(Gates, lambda _: self.gates)
        made.provide(Deployments, lambda _: self.deployments)
        made.materializers.register(ModelMaterializer())
        made.materializers.register_reference(ModelVersion, self._model_version)
        made.materializers.register_reference(TrainingDataset, self.features.get_training_dataset)
        made.reached_by(partial(_surroundings, self.config))
        return made

    def _model_version(self, asset_id: str) -> ModelVersion:
        asset = self.graph.get_asset(asset_id)
        return self.models.get(asset.name, int(asset.attributes["number"]))

    @cached_property
    def models(self) -> Models:
        """Model packages, versions and aliases."""
        from mainspring.models.api import Models

        return Models(self.graph)

    @cached_property
    def evaluation(self) -> Evaluation:
        """Checks of model versions, stored as evidence."""
        from mainspring.evaluation.api import Evaluation

        return Evaluation(self.graph, self.models)

    @cached_property
    def gates(self) -> Gates:
        """Policies, decisions and promotions; policies are read from the project's `policies` folder."""
        from mainspring.gates.api import Gates

        return Gates(self.graph, self.models, self.config.folder / "policies")

    @cached_property
    def deployments(self) -> Deployments:
        """Endpoints, rollouts, the prediction log and outcomes."""
        from mainspring.serving.api import Deployments

        return Deployments(self.graph, self.models, self.features, self.gates, self.tables, self.home)

    @cached_property
    def monitors(self) -> Monitors:
        """Scheduled checks of what was served, and the alerts that they raise."""
        from mainspring.monitoring.api import Monitors

        return Monitors(self.graph, self.deployments)

    @cached_property
    def lineage(self) -> Lineage:
        """Backward from any asset or prediction to rows, code and people; forward to all that it touched."""
        from mainspring.lineage.trace import Lineage
        from mainspring.serving.leaves import PredictionLeaves

        return Lineage(self.graph, [PredictionLeaves(self.deployments.lineage)])

    @property
    def openlineage_namespace(self) -> str:
        """What jobs and datasets are told to be part of."""
        return self.config.openlineage.namespace or self.config.project.id

    def deliveries(self) -> list[Delivery]:
        """Every reader of the log that tells the outside, as configured.

        Raises:
            InputError: `openlineage.url` or `alerts.channels` names no destination.
            PluginError: the plug-in of an alert channel cannot be used.
        """
        lineage = self.find_delivery()
        return [*([] if lineage is None else [lineage]), *self.alert_deliveries()]

    def alert_deliveries(self) -> list[AlertDelivery]:
        """What tells alerts, one for each configured channel.

        Raises:
            InputError: `alerts.channels` names no channel.
            PluginError: the plug-in of a channel cannot be used.
        """
        configured = self.config.alerts
        if not configured.channels:
            return []
        from mainspring.monitoring.channel import AlertDelivery

        return [
            AlertDelivery(
                self.graph,
                self.config.filled(address),
                known_as=address,
                folder=self.config.folder,
                home=self.home,
                token=configured.token,
            )
            for address in dict.fromkeys(configured.channels)
        ]

    def find_delivery(self) -> OpenLineageDelivery | None:
        """What tells lineage to other tools; None where no destination is configured.

        Raises:
            InputError: `openlineage.url` names no destination.
        """
        from mainspring.lineage.openlineage_delivery import OpenLineageDelivery

        configured = self.config.openlineage
        if not configured.url:
            return None
        return OpenLineageDelivery(
            self.graph,
            self.config.url("openlineage"),
            known_as=configured.url,
            folder=self.config.folder,
            lock=self.home / "openlineage.lock",
            namespace=self.openlineage_namespace,
            token=configured.token,
        )

    def close(self) -> None:
        """Give connections and files back."""
        if "deployments" in self.__dict__:
            # Its open log segment can be published once it is let go.
            self.deployments.close()
        if "graph" in self.__dict__:
            self.graph.leases.close()
        if "tracking" in self.__dict__:
            self.tracking.close()
        for port in ("engine", "records", "keys"):
            if port in self.__dict__:
                self.__dict__.pop(port).close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Project {self.config.project.id!r} in {self.config.folder}>"


def spill_root(home: Path) -> Path:
    """Where joins of the home's project that are larger than memory have their temporary files."""
    return home / "spill"


def check_owner(home: Path, project_id: str) -> None:
    """The home is the project's, or nobody's yet.

    Raises:
        ConflictError: it is another project's.
    """
    _refuse_owner(home, _marked(home / PROJECT_MARK) or project_id, project_id)


def _refuse_owner(home: Path, found: str, project_id: str) -> None:
    if found != project_id:
        raise ConflictError(
            expected=f"the home of project {project_id!r}",
            got=f"the home of project {found!r}",
            where=str(home),
            hint="Give each project a home of its own: `home.path`. Databases and tables may be shared.",
        )


def _marked(mark: Path) -> str:
    """The project that a home's mark names; empty where there is no mark, or nothing in it."""
    try:
        return mark.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""


def _home_refused(home: Path, error: OSError) -> AccessError:
    return AccessError(
        expected="a home folder that can be made and written",
        got=str(error.strerror),
        where=str(home),
        hint="Give write permission, or set `home.path` in mainspring.toml.",
    )


def open_project(
    path: str | Path | None = None,
    *,
    overrides: Mapping[str, Any] | None = None,
    as_is: bool = False,
    importable: bool = True,
    read_only: bool = False,
    progress: Progress = drawn,
) -> Project:
    """Open the project in a folder, making its home where there is none.

    A folder without a mainspring.toml is a project with the defaults; commands refuse one until it has a home.

    The folder goes first on `sys.path`, so that its features, pipelines and on-demand functions can be found
    by name from any process.

    Args:
        path: the project's folder, or its mainspring.toml. None = the present folder if it has a
            mainspring.toml, else the folder that MAINSPRING_HOME names.
        overrides: configuration keys (`"records.url"`) that outrank environment and file.
        as_is: make no home and ask nothing of its schema.
        read_only: make and write nothing, and refuse whatever would: the folder need not be writable.
        importable: put the folder on `sys.path`; False for work that runs none of the project's own code.
        progress: what is told of work that may take long, such as an insert of many files: given what is done and
            how many parts it has (0 = nobody knows), a block that calls what it gets once a part. By default a bar on
            standard error, where that is a terminal, from a second of work on; `mainspring.log.progress.silent` =
            nothing.

    Raises:
        InputError: there is no project there, the folder is itself a home, or its configuration is wrong.
        AccessError: the home cannot be written.
        SchemaOlderError: an older mainspring wrote the database; `mainspring upgrade` migrates it.
        SchemaVersionError: a newer one did.
    """
    if read_only:
        overrides = {**(overrides or {}), "home.read_only": True}
    config = load_config(path, overrides=overrides)
    project = Project(config, as_is=as_is, progress=progress)
    if importable and str(config.folder) not in sys.path:
        sys.path.insert(0, str(config.folder))
    return project


def load_config(path: str | Path | None = None, *, overrides: Mapping[str, Any] | None = None) -> Config:
    """The configuration of the project in a folder, which is not opened: for what must work without its ports.

    Args:
        path, overrides: as for `open_project`.

    Raises:
        InputError: there is no project there, or its configuration is wrong.
    """
    config = Config.load(_folder(path), overrides)
    if not _has_file(config) and config.home_path != config.folder and (mark := _owner(config.folder)):
        raise InputError(
            expected="a project's folder",
            got=f"the home of project {mark!r}",
            where=str(config.folder),
            hint=f"Name the project's folder, whose {FILE_NAME} says `home.path`; or set {HOME_VARIABLE} to this one.",
        )
    return config


def check_project(config: Config) -> None:
    """There is a project where the configuration is from: a mainspring.toml, a home beside it, or one that is named.

    For commands: whoever mistypes a folder must not find an empty project in it. Python opens any folder.

    Raises:
        InputError: there is none. Nothing was made.
    """
    if _has_file(config) or "path" in config.home.model_fields_set or _owner(config.home_path):
        return
    raise InputError(
        expected=f"a project's folder, with a {FILE_NAME}",
        got="no project there",
        where=str(config.folder),
        hint=f"Name its folder with --project, or make one: mainspring init DIR. {HOME_VARIABLE} names a home.",
    )


def _has_file(config: Config) -> bool:
    return (config.folder / FILE_NAME).exists()


def _owner(home: Path) -> str:
    """Whose home a folder is; empty for one that is no home."""
    return _marked(home / PROJECT_MARK) if (home / PLACE_MARK).is_file() else ""


def clock_of(config: Config) -> Clock:
    """The project's clock, which needs nothing but its home."""
    return open_clock(config.clock.kind, config.home_path / "clock", read_only=config.home.read_only)


_reached: dict[str, Project] = {}


def _surroundings(config: Config) -> Surroundings:
    """What a step needs, in a worker process: the project, opened at its first step and kept until the end."""
    name = repr(config)
    if name not in _reached:
        # A pipeline that a step runs in turn is run where the step is.
        opened = Project(config.model_copy(update={"engine": EngineSection()}))
        atexit.register(opened.close)
        _reached[name] = opened
    return _reached[name].pipelines.surroundings


def _folder(path: str | Path | None) -> Path:
    if path is not None:
        given = Path(path).expanduser().resolve()
        folder = given.parent if given.name == FILE_NAME else given
        if folder.exists() and not folder.is_dir():
            raise InputError(
                expected="a project's folder",
                got="a file",
                where=str(folder),
                hint=f"Give the folder that holds {FILE_NAME}.",
            )
        if not folder.is_dir():
            raise InputError(
                expected="a project's folder",
                got="no such folder",
                where=str(folder),
                hint="Make one with: mainspring init " + str(path),
            )
        return folder
    here = Path.cwd()
    if (here / FILE_NAME).exists():
        return here
    home = os.environ.get(HOME_VARIABLE)
    if home:
        outside = Path(home).expanduser().resolve()
        if not os.environ.get(READ_ONLY_VARIABLE):
            outside.mkdir(parents=True, exist_ok=True)
        return outside
    raise InputError(
        expected=f"a {FILE_NAME} in the present folder, or {HOME_VARIABLE} set",
        got="neither",
        where=str(here),
        hint="Make one with: mainspring init DIR, or open a project's folder: ms.open(path).",
    )
