"""The configuration: arguments, then AIOPS_… variables, then the file; all of it strict."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from aiops.config import environment
from aiops.config.access import WebSettings
from aiops.config.catalog import with_catalog
from aiops.config.fields import Duration, Step, Strict
from aiops.config.judge import judged, judged_file, judged_raw
from aiops.config.lineage import LineageSettings
from aiops.config.masks import MaskSettings
from aiops.config.pilots import Costs, PilotSettings, ServiceSettings
from aiops.config.remote_write import RemoteWrite
from aiops.config.responses import ResponseSettings
from aiops.config.routing import Heartbeat, Route, WorkingHours, ZoneName
from aiops.config.shipped import models_dir, runbooks_dir
from aiops.config.yaml_file import Document, load, mistakes_of
from aiops.core.errors import FileError, Mistake
from aiops.core.records import Stage

_SOURCE_KEYS = (
    "kind", "step", "labels", "priority", "lateness", "data_class", "residency", "purpose", "owner", "failure_domain", "limits",
)  # fmt: skip
_RECEIVER_KEYS = ("kind", "fallback", "time_zone", "pages")
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]
"""A name that people choose; it also names folders, so it holds nothing but letters, digits and `_.-`."""


def _flat(value: Any, common: tuple[str, ...]) -> Any:
    """A plug-in's own parameters are written beside the common keys; here they are gathered under `params`."""
    if not isinstance(value, dict) or "params" in value:
        return value
    own = {k: v for k, v in value.items() if k not in common}
    return {k: v for k, v in value.items() if k in common} | {"params": own}


class SourceLimits(Strict):
    """Caps of one source; what is absent is as under `limits`."""

    series: int | None = Field(None, gt=0, description="series in one answer")
    samples: int | None = Field(None, gt=0, description="samples in one answer")
    bytes: int | None = Field(None, gt=0, description="decoded bytes in one answer")
    seconds: Duration | None = Field(None, gt=0, description="time one answer may take, retries included")
    queries: int | None = Field(None, gt=0, le=64, description="queries in flight")


class SourceSettings(Strict):
    """One telemetry backend; its own parameters stand beside these keys."""

    kind: str = Field(description="which plug-in: host, prometheus, cloudwatch or recording")
    step: Step | None = Field(None, description="time between two samples, for every card on this source")
    labels: dict[str, str] = Field(default_factory=dict, description="external labels, merged into every series")
    priority: int = Field(0, description="of several sources that see one series the one with the higher number counts")
    lateness: Duration = Field(0.0, ge=0, description="how late a sample may come and still count; each is then read twice")
    data_class: str = Field("", description="classification of everything that comes from here; empty: unclassified")
    residency: list[str] = Field(default_factory=list, description="where its data may be kept")
    purpose: list[str] = Field(default_factory=lambda: ["operations"], description="what its data may be used for")
    owner: str = Field("", description="who answers for this source")
    failure_domain: str = Field("", description="what it fails together with: told as one outage; empty: nothing")
    limits: SourceLimits | None = Field(None, description="caps of its own, in the place of those under `limits`")
    params: dict[str, Any] = Field(default_factory=dict, description="the plug-in's own parameters")

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, value: Any) -> Any:
        return _flat(value, _SOURCE_KEYS)


class Limits(Strict):
    """Caps on what one answer of a source may cost."""

    series: int = Field(50_000, gt=0, description="series in one answer")
    samples: int = Field(20_000_000, gt=0, description="samples in one answer")
    bytes: int = Field(64 * 2**20, gt=0, description="decoded bytes in one answer")
    seconds: Duration = Field(10.0, gt=0, description="time one answer may take, retries included")
    queries: int = Field(4, gt=0, le=64, description="queries in flight on one source")
    memory: int | None = Field(None, gt=0, description="bytes of memory that all cards may take; `aiops plan` refuses more")
    total_series: int | None = Field(None, gt=0, description="series of all cards; `aiops plan` refuses more")
    queries_per_minute: int | None = Field(None, gt=0, description="queries a minute on one source; `aiops plan` refuses more")


class Plane(Strict):
    """What makes two series one, and when their sources disagree."""

    replica_labels: list[str] = Field(
        default_factory=lambda: ["prometheus_replica", "__replica__"],
        description="labels that only tell copies of a series apart: left out of its identity",
    )
    tolerance: float = Field(0.05, gt=0, lt=1, description="share by which two sources may differ on one series")
    conflict_after: Duration = Field(600.0, gt=0, description="how long they must differ by more to be a conflict")


class Episodes(Strict):
    """When warnings are told as one, over all cards."""

    together: int = Field(3, ge=2, description="so many that begin together and share a label have one cause")
    within: Duration = Field(300.0, gt=0, description="time in which they begin together")
    joins: Duration = Field(1800.0, gt=0, description="time after the last in which more of the same card join")
    lasts: Duration = Field(
        21600.0, gt=0, description="time after a warning in which what opens on its entity is told with it, unless it is worse"
    )
    storm: int = Field(
        20, ge=1, description="how much is told in a short time, of all cards; the last of it speaks for all that are left"
    )
    storm_within: Duration = Field(600.0, gt=0, description="time in which these are counted")


class SecondTier(Strict):
    """What the slow models of few series may cost: forecasters and second opinions, in worker processes beside the turns."""

    workers: int = Field(1, ge=1, le=16, description="worker processes at most; they start with the first fit")
    deadline: Duration = Field(60.0, ge=1, le=100, description="how long a fit is waited for; one that used as much CPU is ended")
    cpu: float = Field(0.33, gt=0, le=16, description="share of one core for all workers together, over some minutes")
    memory: int = Field(2**30, ge=2**28, description="bytes a worker may take; a fit that wants more fails alone")


class ReceiverSettings(Strict):
    """One receiver; its own parameters stand beside `kind`."""

    kind: str = Field(description="which plug-in: stdout, alertmanager, webhook or apprise")
    fallback: str = Field("", description="the receiver that is told what this one refused for good")
    pages: bool = Field(False, description="it wakes people: only warnings of stage page that cannot wait are routed there")
    time_zone: ZoneName | None = Field(None, description="on whose clock it reads times; none: as the working hours have it")
    params: dict[str, Any] = Field(default_factory=dict, description="the plug-in's own parameters")

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, value: Any) -> Any:
        return _flat(value, _RECEIVER_KEYS)


class StoreSettings(Strict):
    """Where decisions are kept."""

    url: str = Field(
        "",
        pattern=r"^$|^sqlite:|^postgresql\+psycopg:",
        description="postgresql+psycopg:… or sqlite:…; empty: SQLite in the data directory",
    )


class Settings(BaseSettings):
    """Everything that can be configured."""

    model_config = SettingsConfigDict(
        env_prefix=environment.PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )

    sources: dict[Name, SourceSettings] = Field(
        default_factory=lambda: {"host": SourceSettings.model_validate({"kind": "host", "step": "5s"})},
        min_length=1,
        description="telemetry backends by name",
    )
    receivers: dict[Name, ReceiverSettings] = Field(
        default_factory=lambda: {"stdout": ReceiverSettings(kind="stdout")}, description="who is told, by name"
    )
    routes: list[Route] = Field(
        default_factory=lambda: [Route.model_validate({"receiver": "stdout"})],
        description="which warnings go to which receiver",
    )
    working_hours: WorkingHours = Field(default_factory=lambda: WorkingHours(), description="when somebody is at work anyway")
    heartbeat: Heartbeat | None = Field(None, description="a message whose absence is the alarm; none: no heartbeat")
    stages: dict[str, Stage] = Field(
        default_factory=dict, description="how loud a card may be, by card: shadow, ticket or page"
    )
    stages_why: str = Field("", max_length=500, description="who declares these stages, and why: kept in the ledger")
    promote_up_to: Stage = Field(
        "shadow", description="how loud a card may become by itself when its record passes `promote_when`; shadow: by a person"
    )
    cards: list[Path] = Field(
        default_factory=list, description="files or folders of model cards; empty: the shipped ones"
    )
    runbooks: list[Path] = Field(
        default_factory=list, description="files or folders of runbooks; empty: the shipped ones"
    )
    time_zone: ZoneName = Field("UTC", description="on whose clock cards count days and hours, where they name none themselves")
    holidays: list[date] = Field(default_factory=list, description="free days: loads then go as at a week-end")
    holidays_file: Path | None = Field(None, description="an .ics file with more of them")
    limits: Limits = Field(default_factory=lambda: Limits(), description="caps on what one answer may cost")
    plane: Plane = Field(default_factory=lambda: Plane(), description="one view over all sources")
    episodes: Episodes = Field(default_factory=lambda: Episodes(), description="when warnings are told as one, over all cards")
    second_tier: SecondTier = Field(default_factory=lambda: SecondTier(), description="what slow models may cost")
    hush: Duration = Field(
        86400.0, ge=0, le=30 * 86400, description="how long nothing is told of a series that a person called wrong; 0s: told on"
    )
    masks: dict[Name, MaskSettings] = Field(default_factory=dict, description="times in which series are not judged, by name")
    responses: ResponseSettings = Field(
        default_factory=lambda: ResponseSettings(), description="how far runbooks may go, and who may say yes"
    )
    services: dict[Name, ServiceSettings] = Field(
        default_factory=dict, description="what is known of services, by the value of the label `service`"
    )
    catalog: list[Path] = Field(
        default_factory=list, description="Backstage's catalog-info.yaml, files or folders: components are services too"
    )
    pilots: dict[Name, PilotSettings] = Field(default_factory=dict, description="what is tried, and what it must show, by name")
    costs: Costs = Field(default_factory=lambda: Costs(), description="what a report counts with")
    policy: Path | None = Field(None, description="file of the data policy; empty: the built-in one")
    store: StoreSettings = Field(default_factory=lambda: StoreSettings(), description="where decisions are kept")
    remote_write: RemoteWrite | None = Field(
        None, description="a server of metrics to which scores, bands and crossings of every series are written; none: nowhere"
    )
    lineage: LineageSettings | None = Field(
        None, description="where it is told, as OpenLineage, what was made of which data; none: nowhere"
    )
    web: WebSettings = Field(default_factory=lambda: WebSettings(), description="where the daemon serves")
    data_dir: Path = Field(
        default_factory=lambda: default_data_dir(), description="folder of database, windows, learnt state and token"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="how much is logged")

    @property
    def card_paths(self) -> list[Path]:
        """Files and folders that cards are loaded from."""
        return self.cards or [models_dir()]

    @property
    def runbook_paths(self) -> list[Path]:
        """Files and folders that runbooks are loaded from."""
        return self.runbooks or [runbooks_dir()]

    @property
    def listen_is_default(self) -> bool:
        """Whether nobody chose where to serve: a taken port may then be replaced by a free one."""
        return "listen" not in self.web.model_fields_set

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments before the environment; neither a .env file nor a folder of secrets is read."""
        return init_settings, _Environment(settings_cls)


class _Environment(EnvSettingsSource):
    """AIOPS_… variables, with whole numbers where the setting is one."""

    def __call__(self) -> dict[str, Any]:
        fields = self.settings_cls.model_fields
        return {
            name: environment.typed(value, fields[name].annotation) if name in fields else value
            for name, value in super().__call__().items()
        }


def default_data_dir() -> Path:
    """/var/lib/aiops for root, else `aiops` in the XDG data directory."""
    if os.geteuid() == 0:
        return Path("/var/lib/aiops")
    chosen = os.environ.get("XDG_DATA_HOME", "")
    folder = Path(chosen) if chosen.startswith("/") else Path.home() / ".local" / "share"
    return folder / "aiops"


def load_settings(path: Path | None, data_dir: Path | None = None, listen: str | None = None) -> Settings:
    """Settings from arguments, the environment and a file (or none). Raises FileError with every mistake.

    Relative paths in the file are relative to the file's folder. A file that is not there is a mistake.
    """
    document = Document("(no file)", "", {}) if path is None else load(path)
    if document.data is None:
        document = Document(document.path, document.text, {})
    if not isinstance(document.data, dict):
        raise FileError([*document.mistakes, document.mistake((), "must be a mapping of keys to values")])
    data, mistakes = judged_file(document, path)
    mistakes += environment.unknown_variables(os.environ, Settings)
    given: dict[str, Any] = {} if data_dir is None else {"data_dir": data_dir}
    if listen is not None:
        given["web"] = {"listen": listen}
    try:
        settings = _with_file(data)(**given)
    except (ValidationError, SettingsError) as e:
        mistakes += judged_raw(document, data, {"sources": _SOURCE_KEYS, "receivers": _RECEIVER_KEYS})
        told = {m.field for m in mistakes}
        more = _placed(document, e) if isinstance(e, ValidationError) else [_unreadable(e)]
        document.refuse([*mistakes, *(m for m in more if m.field not in told)])
        raise
    services = settings.services
    try:
        services = with_catalog(services, settings.catalog)
    except FileError as e:
        mistakes += e.mistakes
    document.refuse([*mistakes, *judged(document, settings)])
    return settings.model_copy(update={"services": services}) if settings.catalog else settings


def _with_file(data: dict[str, Any]) -> type[Settings]:
    """Settings whose last source is the file's data."""

    class FileSettings(Settings):
        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], *args: Any, **kwargs: Any
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            above = super().settings_customise_sources(settings_cls, *args, **kwargs)
            return (*above, InitSettingsSource(settings_cls, init_kwargs=data))

    return FileSettings


def _placed(document: Document, error: ValidationError) -> list[Mistake]:
    """Each mistake where it was written: in a variable or in the file."""
    out = []
    for one, mistake in zip(error.errors(), mistakes_of(document, Settings, error), strict=True):
        variable = environment.variable_of(one["loc"], os.environ)
        if variable is not None:
            mistake = Mistake(environment.WHERE, 1, 1, variable, mistake.message)
        out.append(mistake)
    return out


def _unreadable(error: SettingsError) -> Mistake:
    """A list or mapping in a variable that is no JSON."""
    found = next((n for n in Settings.model_fields if f'"{n}"' in str(error)), "")
    variable = environment.PREFIX + found.upper()
    return Mistake(environment.WHERE, 1, 1, variable, 'is no JSON; write for example ["a", "b"] or {"key": "value"}')
