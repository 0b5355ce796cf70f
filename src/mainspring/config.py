"""One typed configuration: argument over environment over file over default.

The file is `mainspring.toml` in the project's folder. The environment overrides a key `section.name` by
`MAINSPRING_SECTION_NAME`. Relative paths are relative to the project's folder.
"""

from __future__ import annotations

import getpass
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from mainspring.errors import AccessError, InputError, UnknownNameError
from mainspring.log import MAX_ID_CHARACTERS, Output, is_id
from mainspring.log.output import Format, Level
from mainspring.types import new_id

FILE_NAME: Final = "mainspring.toml"
_FILE: Final = "file:"
"""Before the path of a file that has a secret."""
ENVIRONMENT_PREFIX: Final = "MAINSPRING_"
HOME_VARIABLE: Final = "MAINSPRING_HOME"
READ_ONLY_VARIABLE: Final = "MAINSPRING_HOME_READ_ONLY"


class Section(BaseModel):
    """A table of the file: frozen, and refuses keys that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ProjectSection(Section):
    """Which project this is."""

    id: str = Field(default="main", min_length=1, description="Stable name in every table; never change it.")
    title: str = Field(default="", description="What people call the project; shown on pages and reports.")


class HomeSection(Section):
    """Where local state lives."""

    path: str = Field(
        default=".mainspring", description="Folder for local state: records, blobs, tables, keys, logs."
    )
    read_only: bool = Field(
        default=False,
        description="Open the project for reading alone: nothing is made, migrated or written.",
    )
    network_disk: bool = Field(
        default=False,
        description="Open a SQLite file or an LMDB folder though it lies on a network file system; "
        "only where one machine at a time uses it.",
    )


class RecordsSection(Section):
    """Metadata."""

    url: str = Field(
        default="sqlite:///{home}/records.db", description="SQLAlchemy URL: sqlite: or postgresql:."
    )


class BlobsSection(Section):
    """Bytes by content digest."""

    url: str = Field(default="file:{home}/blobs", description="Where content-addressed files are kept.")


class TablesSection(Section):
    """Columnar tables."""

    url: str = Field(default="file:{home}/tables", description="Folder of the Delta Lake tables.")
    verify: bool = Field(
        default=True,
        description="Compare each file of a table with its digest when a process first reads of the table; it is read "
        "whole for that. `mainspring doctor` compares in any case.",
    )


class KeysSection(Section):
    """Latest row by key, for online reads."""

    url: str = Field(
        default="lmdb:{home}/keys",
        description="Online store: lmdb: and a folder, or redis://[user:password@]host[:port][/database] "
        "(rediss: for TLS).",
    )
    connect_timeout_s: float = Field(
        default=2.0, gt=0, description="Redis: seconds to wait for a connection."
    )
    read_timeout_s: float = Field(default=2.0, gt=0, description="Redis: seconds to wait for each reply.")


JOIN_MEMORY_MIN_BYTES: Final = 16_000_000
"""With less a join is searched in so many parts that nothing but their files would be seen to."""


def _join_memory(given: int) -> int:
    if given and given < JOIN_MEMORY_MIN_BYTES:
        raise ValueError(f"it is at least {JOIN_MEMORY_MIN_BYTES:,} bytes, or 0")
    return given


class FeaturesSection(Section):
    """Reads of features."""

    join_memory_bytes: Annotated[int, AfterValidator(_join_memory)] = Field(
        default=0,
        ge=0,
        description="A group of which a point-in-time join is estimated to need more memory is searched in parts, "
        f"through temporary files in the home; at least {JOIN_MEMORY_MIN_BYTES:,}, or 0 = a quarter of the "
        "machine's memory.",
    )


class EngineSection(Section):
    """Who runs tasks."""

    kind: str = Field(
        default="local",
        description="Where pipeline steps run: local (threads of this process) or processes (warm worker processes).",
    )
    workers: int = Field(
        default=0, ge=0, description="Tasks at a time; 0 = one for each processor that may be used."
    )
    task_timeout_s: float = Field(
        default=0.0,
        ge=0,
        description="processes: seconds after which a step is ended and has failed; 0 = no bound.",
    )


class ClockSection(Section):
    """What the present is."""

    kind: str = Field(
        default="system", description="system, or replay: a present that the project sets itself."
    )


class ActorSection(Section):
    """Who acts."""

    name: str = Field(default="", description="user:NAME or service:NAME; empty = user: and the login name.")
    on_behalf_of: str = Field(default="", description="For whom a service acts; empty = for itself.")


def _words(given: Any) -> Any:
    return given.split() if isinstance(given, str) else given


class OpenLineageSection(Section):
    """Telling lineage to other tools."""

    url: str = Field(
        default="",
        description="Where run events go: file:PATH, or http(s):// with the endpoint's path; empty = nowhere.",
    )
    namespace: str = Field(default="", description="Of jobs and datasets; empty = the project's id.")
    token: str = Field(default="", description="Sent to the endpoint as a bearer token; empty = none.")


class AlertsSection(Section):
    """Telling people and systems of alerts."""

    channels: Annotated[tuple[str, ...], BeforeValidator(_words)] = Field(
        default=(),
        description="Addresses that are told of each alert: file:PATH, http(s):// of a webhook, or a plug-in's. "
        "A list; in the environment, separated by spaces.",
    )
    token: str = Field(
        default="", description="Sent to every http(s) channel as a bearer token; empty = none."
    )


def _list_of_secrets(given: object) -> object:
    listed = _words(given)
    if not isinstance(listed, list | tuple) or not all(isinstance(entry, str) for entry in listed):
        # Pydantic would show what came, which is a secret.
        raise InputError(
            expected="a list of text, NAME=SECRET or NAME=file:PATH",
            got="something else",
            where="privacy.secrets",
            hint='Write secrets = ["people=file:people.key"], not a table.',
        )
    return listed


def _named_secrets(given: tuple[str, ...]) -> tuple[str, ...]:
    names = [entry.partition("=")[0] for entry in given]
    if len(set(names)) < len(names) or not all(
        name.isidentifier() and entry.partition("=")[2] for name, entry in zip(names, given, strict=True)
    ):
        # Nothing of it is shown: whoever left the name out wrote a secret.
        raise InputError(
            expected="entries NAME=SECRET or NAME=file:PATH, each name once",
            got="something else",
            where="an entry",
            hint="A name is letters, digits and underscores; a secret has no space.",
        )
    return given


_Secrets = Annotated[tuple[str, ...], BeforeValidator(_list_of_secrets), AfterValidator(_named_secrets)]


class PrivacySection(Section):
    """What personal data is made less personal with."""

    secrets: _Secrets = Field(
        default=(),
        repr=False,
        description="Secrets that columns are hashed with before anything is written: NAME=SECRET, or NAME=file:PATH "
        "of a file that has nothing else in it; at least 16 bytes. A list; in the environment, separated by spaces.",
    )


class RetentionSection(Section):
    """What `mainspring gc` gives up by age; never what is pinned, in force, or needed by what is kept."""

    runs_days: int = Field(
        default=0, ge=0, description="Artifacts of runs that began so many days ago; 0 = kept."
    )
    failed_runs_days: int = Field(
        default=0,
        ge=0,
        description="Artifacts of failed and lost runs that began so many days ago; 0 = kept.",
    )
    model_versions_days: int = Field(
        default=0,
        ge=0,
        description="Packages of model versions registered so many days ago, without alias or deployment; 0 = kept.",
    )
    training_datasets_days: int = Field(
        default=0,
        ge=0,
        description="Rows of training datasets made so many days ago that no kept run, model or evidence needs; "
        "0 = kept.",
    )
    predictions_days: int = Field(
        default=0,
        ge=0,
        description="Predictions in the log of days that ended so many days ago, of deployments that are not pinned; "
        "0 = kept.",
    )
    outcomes_days: int = Field(
        default=0,
        ge=0,
        description="Outcomes that were received on days that ended so many days ago, of deployments that are not "
        "pinned; 0 = kept.",
    )
    event_ids_days: int = Field(
        default=0,
        ge=0,
        description="Ids of events whose rows were committed so many days ago: one that is pushed again after that "
        "counts again; 0 = kept.",
    )


class LeasesSection(Section):
    """Who is at work, and who has gone."""

    ttl_s: float = Field(
        default=30.0,
        ge=0.1,
        description="Seconds without a sign of life after which others may call a run or server of this process lost; "
        "it gives four in that time.",
    )


class TrackingSection(Section):
    """Runs of clients of other tools, which the server is told of."""

    artifact_root: str = Field(
        default="mlflow-artifacts:/",
        description="Where such clients are told to keep artifacts: mlflow-artifacts:/ (they send them to the server, "
        "which keeps them in blobs.url), or what they write to themselves: a URI (file:, s3: …), or a folder.",
    )
    artifact_roots: Annotated[tuple[str, ...], BeforeValidator(_words)] = Field(
        default=(),
        description="Further URIs below which an experiment may say that it keeps its artifacts. "
        "A list; in the environment, separated by spaces.",
    )
    max_artifact_bytes: int = Field(
        default=1 << 40, ge=1, description="An artifact that is sent to the server may have so many bytes."
    )


class ServingSection(Section):
    """The prediction server."""

    host: str = Field(default="127.0.0.1", description="Address that the prediction server listens on.")
    port: int = Field(default=8651, ge=0, le=65535, description="Its port; 0 lets the system choose one.")
    workers: int = Field(default=1, ge=1, description="Prediction worker processes.")


def _correlation_id(given: str) -> str:
    if given and not is_id(given):
        raise ValueError(f"1 to {MAX_ID_CHARACTERS} visible ASCII characters without a space")
    return given


class LogSection(Section):
    """What commands and servers say of what they do; `logging` itself where mainspring is used as a library."""

    level: Literal["", "debug", "info", "warning", "error"] = Field(
        default="",
        description="The least that is said: debug, info, warning or error; empty = info for `mainspring server` "
        "and `mainspring demo`, warning for every other command.",
    )
    format: Format = Field(
        default="console",
        description="console (a sentence a line, for people) or json (an object a line, for programs).",
    )
    file: str = Field(
        default="",
        description="File that lines are appended to, opened anew when it was rotated; empty = standard error.",
    )
    correlation_id: Annotated[str, AfterValidator(_correlation_id)] = Field(
        default="",
        description=f"On every line of a command and of all processes that it starts: 1 to {MAX_ID_CHARACTERS} "
        "visible ASCII characters; empty = drawn for each command.",
    )


class Config(Section):
    """Everything that can be configured."""

    project: ProjectSection = ProjectSection()
    home: HomeSection = HomeSection()
    records: RecordsSection = RecordsSection()
    blobs: BlobsSection = BlobsSection()
    tables: TablesSection = TablesSection()
    keys: KeysSection = KeysSection()
    features: FeaturesSection = FeaturesSection()
    engine: EngineSection = EngineSection()
    clock: ClockSection = ClockSection()
    actor: ActorSection = ActorSection()
    openlineage: OpenLineageSection = OpenLineageSection()
    alerts: AlertsSection = AlertsSection()
    leases: LeasesSection = LeasesSection()
    log: LogSection = LogSection()
    serving: ServingSection = ServingSection()
    tracking: TrackingSection = TrackingSection()
    privacy: PrivacySection = PrivacySection()
    retention: RetentionSection = RetentionSection()

    folder: Path = Field(Path("."), exclude=True)
    """The project's folder; not a key of the file."""

    @property
    def home_path(self) -> Path:
        """The home folder, absolute."""
        return (self.folder / self.home.path).resolve()

    def url(self, section: str) -> str:
        """The URL of `records`, `blobs`, `tables`, `keys` or `openlineage`, with the home filled in."""
        return self.filled(getattr(self, section).url)

    def filled(self, address: str) -> str:
        """An address with the home filled in."""
        return address.replace("{home}", str(self.home_path))

    def log_output(self, level: Level, **fields: str) -> Output:
        """Where a command's lines go.

        Args:
            level: where `log.level` says nothing.
            fields: what every line of the process carries beside the correlation id.
        """
        return Output(
            level=self.log.level or level,
            format=self.log.format,
            file=self.folder / self.filled(self.log.file) if self.log.file else None,
            fields={"correlation_id": self.log.correlation_id or new_id(), **fields},
            secrets=self.secrets,
        )

    @property
    def secrets(self) -> tuple[str, ...]:
        """Tokens, and passwords in addresses: what nobody is ever shown."""
        addresses = [self.records.url, self.blobs.url, self.tables.url, self.keys.url, *self.alerts.channels]
        passwords = [_password(address) for address in addresses]
        named = [entry.partition("=")[2] for entry in self.privacy.secrets]
        written = [secret for secret in named if not secret.startswith(_FILE)]
        found = [self.openlineage.token, self.alerts.token, *passwords, *map(unquote, passwords), *written]
        return tuple(dict.fromkeys(filter(None, found)))

    def find_secret(self, name: str) -> bytes | None:
        """The secret of that name in `privacy.secrets`; None where there is none.

        Raises:
            AccessError: its file cannot be read.
        """
        for entry in self.privacy.secrets:
            known, _, secret = entry.partition("=")
            if known == name:
                return (
                    _secret_file(self.folder / secret.removeprefix(_FILE))
                    if secret.startswith(_FILE)
                    else secret.encode()
                )
        return None

    @property
    def actor_name(self) -> str:
        """Who acts: the configured actor, or the login name."""
        return self.actor.name or f"user:{getpass.getuser()}"

    @classmethod
    def load(cls, folder: Path, overrides: Mapping[str, Any] | None = None) -> Self:
        """Read the folder's file, the environment and `overrides` (dotted key → value), in rising rank.

        Raises:
            InputError: a key is unknown or a value has the wrong type.
        """
        values = _read(folder / FILE_NAME)
        home = os.environ.get(HOME_VARIABLE)
        if home:
            values.setdefault("home", {})["path"] = home
        for key in keys():
            section, name = key.split(".")
            given = os.environ.get(_variable(key))
            if given is not None:
                values.setdefault(section, {})[name] = given
        for key, given in (overrides or {}).items():
            section, _, name = key.partition(".")
            values.setdefault(section, {})[name] = given
        return cls._validated(values, folder)

    @classmethod
    def _validated(cls, values: dict[str, Any], folder: Path) -> Self:
        for section, entries in values.items():
            known = {key.split(".")[0] for key in keys()}
            if section not in known:
                raise UnknownNameError.of("section", section, known, FILE_NAME)
            if not isinstance(entries, dict):
                raise InputError(
                    expected=f"a table [{section}]",
                    got=repr(entries),
                    where=FILE_NAME,
                    hint=f"Write [{section}] and its keys below it.",
                )
            for name in entries:
                if f"{section}.{name}" not in keys():
                    raise UnknownNameError.of("configuration key", f"{section}.{name}", keys(), FILE_NAME)
        try:
            return cls.model_validate({**values, "folder": folder.resolve()})
        except ValidationError as error:
            variable = _variable(".".join(map(str, error.errors()[0]["loc"][:2])))
            where = variable if variable in os.environ else FILE_NAME
            raise InputError.of_value(error, where, "Correct the value.") from error


def _secret_file(path: Path) -> bytes:
    try:
        return path.read_bytes().strip()
    except OSError as error:
        raise AccessError(
            expected="a file with a secret that can be read",
            got=str(error.strerror),
            where=str(path),
            hint="Correct the path in privacy.secrets, or the file's permissions.",
        ) from error


def _variable(key: str) -> str:
    """The environment variable of a key."""
    return f"{ENVIRONMENT_PREFIX}{key.replace('.', '_')}".upper()


def _password(address: str) -> str:
    try:
        return urlsplit(address).password or ""
    except ValueError:
        # What is no address is refused by whoever opens it.
        return ""


def keys() -> dict[str, str]:
    """Every configuration key, dotted, with its description."""
    return {f"{section}.{name}": text for section, name, text, _ in _fields()}


def defaults() -> dict[str, Any]:
    """Every configuration key with its default."""
    return {f"{section}.{name}": default for section, name, _, default in _fields()}


def _fields() -> Iterator[tuple[str, str, str, Any]]:
    for section, information in Config.model_fields.items():
        if isinstance(information.default, Section):
            for name, field in type(information.default).model_fields.items():
                yield section, name, field.description or "", field.default


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise InputError(
            expected="valid TOML", got=str(error), where=str(path), hint="Correct the file at that line."
        ) from error
    except OSError as error:
        raise AccessError(
            expected="a file that can be read",
            got=str(error.strerror),
            where=str(path),
            hint="Check the file's permissions.",
        ) from error
