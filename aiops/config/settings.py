"""The configuration: init arguments, then AIOPS_… variables, then the file; all of it strict."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from aiops import plugins
from aiops.config.fields import Duration, MatcherText, Strict
from aiops.config.yaml_file import Document, load, mistakes_of
from aiops.core.errors import AiopsError, FileError, Mistake
from aiops.core.records import Stage

DEFAULT_LISTEN = "127.0.0.1:9464"
_SOURCE_KEYS = ("kind", "step", "labels", "data_class", "residency", "owner")


class SourceSettings(Strict):
    """One telemetry backend; its own parameters stand beside these keys."""

    kind: str = Field(description="which plug-in: host, prometheus, recording")
    step: Duration | None = Field(None, gt=0, description="the step every card on this source uses instead of its own")
    labels: dict[str, str] = Field(default_factory=dict, description="external labels merged into every series")
    data_class: str = Field("internal", description="classification of everything that comes from here")
    residency: list[str] = Field(default_factory=list, description="where its data may be kept")
    owner: str = Field("", description="who answers for this source")
    params: dict[str, Any] = Field(default_factory=dict, description="the plug-in's own parameters")

    @model_validator(mode="before")
    @classmethod
    def _flat(cls, value: Any) -> Any:
        """The plug-in's parameters are written flat beside the common keys; here they are gathered and checked."""
        if not isinstance(value, dict) or "params" in value:
            return value
        common = {k: v for k, v in value.items() if k in _SOURCE_KEYS}
        return common | {"params": {k: v for k, v in value.items() if k not in _SOURCE_KEYS}}


class Limits(Strict):
    """Caps on what one answer of a source may cost."""

    series: int = Field(50_000, gt=0, description="series in one answer")
    samples: int = Field(20_000_000, gt=0, description="samples in one answer")
    bytes: int = Field(64 * 2**20, gt=0, description="decoded bytes in one answer")
    seconds: Duration = Field(10.0, gt=0, description="time one answer may take, retries included")


class Route(Strict):
    """Which warnings go to a receiver; the first match wins unless it says `continue`."""

    matchers: list[MatcherText] = Field(
        default_factory=list, description="on the warning's labels, card, severity, stage"
    )
    receiver: str = Field(description="a name under receivers")
    continue_: bool = Field(False, alias="continue", description="go on to the routes below")


class ReceiverSettings(Strict):
    """One receiver; its own parameters stand beside `kind`."""

    kind: str = Field(description="which plug-in: stdout, alertmanager")
    params: dict[str, Any] = Field(default_factory=dict, description="the plug-in's own parameters")

    @model_validator(mode="before")
    @classmethod
    def _flat(cls, value: Any) -> Any:
        if not isinstance(value, dict) or "params" in value:
            return value
        return {k: v for k, v in value.items() if k == "kind"} | {
            "params": {k: v for k, v in value.items() if k != "kind"}
        }


class StoreSettings(Strict):
    """Where decisions are kept."""

    url: str = Field("", description="SQLAlchemy URL; empty: SQLite in the data directory")


class WebSettings(Strict):
    """Where the daemon serves."""

    listen: str = Field(
        DEFAULT_LISTEN, pattern=r"^[^:\s]+:\d{1,5}$", description="HOST:PORT; a taken default port is replaced"
    )


class Settings(BaseSettings):
    """Everything that can be configured."""

    model_config = SettingsConfigDict(env_prefix="AIOPS_", env_nested_delimiter="__", extra="forbid", frozen=True)

    sources: dict[str, SourceSettings] = Field(
        default_factory=lambda: {"host": SourceSettings.model_validate({"kind": "host", "step": "5s"})},
        description="telemetry backends by name",
    )
    receivers: dict[str, ReceiverSettings] = Field(
        default_factory=lambda: {"stdout": ReceiverSettings(kind="stdout")}, description="who is told, by name"
    )
    routes: list[Route] = Field(
        default_factory=lambda: [Route.model_validate({"receiver": "stdout"})],
        description="which warnings go to which receiver",
    )
    stages: dict[str, Stage] = Field(default_factory=dict, description="how loud a card may be: shadow, ticket, page")
    cards: list[Path] = Field(
        default_factory=list, description="files or folders of model cards; empty: the shipped ones"
    )
    runbooks: list[Path] = Field(
        default_factory=list, description="files or folders of runbooks; empty: the shipped ones"
    )
    limits: Limits = Field(default_factory=lambda: Limits(), description="caps on answers")
    store: StoreSettings = Field(default_factory=lambda: StoreSettings(), description="where decisions are kept")
    web: WebSettings = Field(default_factory=lambda: WebSettings(), description="where the daemon serves")
    data_dir: Path = Field(
        default_factory=lambda: default_data_dir(), description="database, windows, learnt state, token"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="how much is logged")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment before the file: the file's data comes in as init arguments."""
        return env_settings, init_settings


def default_data_dir() -> Path:
    """/var/lib/aiops for root, else the XDG data directory."""
    if os.geteuid() == 0:
        return Path("/var/lib/aiops")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "aiops"


def load_settings(path: Path | None, data_dir: Path | None = None, listen: str | None = None) -> Settings:
    """Settings from a file (or none), the environment and arguments. Raises FileError with every mistake."""
    document = Document("(no file)", "", {}, None) if path is None else load(path)
    if document.data is None:
        document = Document(document.path, document.text, {}, None)
    if not isinstance(document.data, dict):
        raise FileError([document.mistake((), "must be a mapping of keys to values")])
    data = dict(document.data)
    if data_dir is not None:
        data["data_dir"] = data_dir
    if listen is not None:
        data["web"] = {**data.get("web", {}), "listen": listen}
    mistakes = unknown_variables(os.environ)
    try:
        settings = Settings(**data)
    except ValidationError as e:
        raise FileError([*mistakes, *mistakes_of(document, Settings, e)]) from e
    mistakes += _references(document, settings)
    if mistakes:
        raise FileError(mistakes)
    return settings


def unknown_variables(environ: Any) -> list[Mistake]:
    """AIOPS_… variables that name no setting; pydantic-settings would ignore them."""
    known = {f"AIOPS_{name.upper()}" for name in Settings.model_fields}
    out = []
    for name in sorted(environ):
        if name.startswith("AIOPS_") and name.split("__")[0].upper() not in known:
            near = difflib.get_close_matches(name.split("__")[0], known, 1)
            hint = f"; did you mean {near[0]}?" if near else f"; known: {', '.join(sorted(known))}"
            out.append(Mistake("(environment)", 1, 1, name, f"unknown variable{hint}"))
    return out


def _references(document: Document, settings: Settings) -> list[Mistake]:
    out = []
    for group, chosen in (("sources", settings.sources), ("receivers", settings.receivers)):
        plugin_group = "sources" if group == "sources" else "notifiers"
        for name, one in chosen.items():
            out += _plugin_mistakes(document, (group, name), plugin_group, one.kind, one.params)
    for i, route in enumerate(settings.routes):
        if route.receiver not in settings.receivers:
            known = ", ".join(sorted(settings.receivers))
            out.append(document.mistake(("routes", i, "receiver"), f"no receiver {route.receiver!r}; known: {known}"))
    return out


def _plugin_mistakes(document: Document, loc: tuple[str, str], group: str, kind: str, params: Any) -> list[Mistake]:
    try:
        model = plugins.load(group, kind).Params
    except AiopsError as e:
        return [document.mistake((*loc, "kind"), str(e))]
    try:
        model.model_validate(params)
    except ValidationError as e:
        return [
            Mistake(m.path, *document.where((*loc, *one["loc"])), f"{'.'.join(loc)}.{m.field}", m.message)
            for one, m in zip(e.errors(), mistakes_of(document, model, e), strict=True)
        ]
    return []
