"""What the schema of the configuration cannot say: parameters of plug-ins, references, secrets, durations, paths."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel, ValidationError

from aiops import plugins
from aiops.config import environment
from aiops.config.actions import action_mistakes
from aiops.config.fields import EMPTY
from aiops.config.messages import did_you_mean
from aiops.config.routing import every, resolved
from aiops.config.yaml_file import Document, mistakes_of
from aiops.config.yaml_strict import Loc
from aiops.core.errors import AiopsError, Mistake

_PASSWORD = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://[^/@\s]*:[^/@\s]+@")
_PLACEHOLDER = re.compile(r"\$\{[A-Za-z_][^{}]*\}")
"""What a shell would fill in; the look-ups of runbooks begin with two braces."""
_SECRET_HEADERS = ("authorization", "proxy-authorization", "cookie", "x-api-key")
EXPORTS = ("remote_write", "lineage")
"""Settings that name a place of their own; the policy's `locations` call it so."""
_FILES = ("file", "password_file", "bearer_token_file", "ca_file")
_GROUPS = {"sources": "sources", "receivers": "notifiers"}


class Configuration(Protocol):
    """What is judged of the settings: which plug-ins there are by name, and who is told."""

    @property
    def sources(self) -> Mapping[str, Any]:
        """Telemetry backends: `kind` and `params`."""

    @property
    def receivers(self) -> Mapping[str, Any]:
        """Receivers: `kind`, `fallback` and `params`."""

    @property
    def masks(self) -> Mapping[str, Any]:
        """Masks: `kind` and `source`."""

    @property
    def routes(self) -> Sequence[Any]:
        """Routes: `receiver`."""

    @property
    def responses(self) -> Any:
        """Responses: `actions`."""

    @property
    def heartbeat(self) -> Any:
        """None, or `receiver`."""


def judged_file(document: Document, path: Path | None) -> tuple[dict[str, Any], list[Mistake]]:
    """(the file's data with absolute paths, mistakes that are mistakes only in a file)."""
    mistakes = [*_secrets(document, document.data, ()), *_bare_durations(document), *_empty(document, document.data, ())]
    return (document.data if path is None else _anchored(document.data, path.resolve().parent)), mistakes


def judged(document: Document, settings: Configuration) -> list[Mistake]:
    """Mistakes in the parameters of plug-ins, and routes to receivers that there are not."""
    out = []
    for group, chosen in (("sources", settings.sources), ("receivers", settings.receivers)):
        for name, one in chosen.items():
            out += _plugin_mistakes(document, (group, name), one.kind, one.params)
    out += action_mistakes(document, settings.responses.actions)
    return [*out, *_routes(document, settings), *_mask_sources(document, settings), *_other_receivers(document, settings)]


def _other_receivers(document: Document, settings: Configuration) -> Iterator[Mistake]:
    """The receivers that fallbacks and the heartbeat name; a fallback must not lead back to where it came from."""
    known = sorted(settings.receivers)
    if settings.heartbeat is not None and settings.heartbeat.receiver not in known:
        yield document.mistake(("heartbeat", "receiver"), _unknown_receiver(settings.heartbeat.receiver, known))
    for name, one in settings.receivers.items():
        loc, seen, at = ("receivers", name, "fallback"), {name}, one.fallback
        if at and at not in known:
            yield document.mistake(loc, _unknown_receiver(at, known))
        while at in settings.receivers and at not in seen:
            seen.add(at)
            at = settings.receivers[at].fallback
        if at in seen:
            yield document.mistake(loc, f"leads back to {at}; the last receiver of a chain has no fallback")


def _unknown_receiver(name: str, known: Iterable[str]) -> str:
    return f"no receiver {name!r}{did_you_mean(name, sorted(known))}"


def _mask_sources(document: Document, settings: Configuration) -> Iterator[Mistake]:
    for name, mask in settings.masks.items():
        if mask.kind != "query":
            continue
        known, loc = sorted(settings.sources), ("masks", name)
        if not mask.source and len(known) > 1:
            yield document.mistake(loc, f"there are several sources; name one of {', '.join(known)} as source")
        elif mask.source and mask.source not in known:
            yield document.mistake((*loc, "source"), f"no source {mask.source!r}{did_you_mean(mask.source, known)}")


def judged_raw(document: Document, data: dict[str, Any], common: dict[str, tuple[str, ...]]) -> list[Mistake]:
    """Mistakes in the parameters of plug-ins of a file that is wrong elsewhere; what is missing may come from elsewhere."""
    out = []
    for group, keys in common.items():
        chosen = data.get(group)
        for name, one in chosen.items() if isinstance(chosen, dict) else ():
            if isinstance(one, dict) and isinstance(one.get("kind"), str):
                params = {k: v for k, v in one.items() if k not in keys}
                out += _plugin_mistakes(document, (group, name), one["kind"], params)
    out = [m for m in out if not m.message.startswith("is missing")]
    receivers, routes = data.get("receivers", {"stdout": {}}), data.get("routes")
    elsewhere = any(name.upper().startswith(environment.PREFIX + "RECEIVERS") for name in os.environ)
    if isinstance(receivers, dict) and isinstance(routes, list) and not elsewhere:
        for i, route in enumerate(routes):
            name = _get(route, "receiver")
            if isinstance(name, str) and name not in receivers:
                out.append(_no_receiver(document, i, name, receivers))
    return out


def _routes(document: Document, settings: Configuration) -> Iterator[Mistake]:
    known, names = settings.receivers, ", ".join(sorted(settings.receivers))
    written = isinstance(document.data, dict) and "routes" in document.data
    for (loc, raw), (_, route) in zip(every(settings.routes), every(resolved(settings.routes)), strict=True):
        if not route.receiver and not route.routes:
            yield document.mistake(loc, f"names no receiver, nor does a route above it; write one of {names}")
        elif route.receiver and route.receiver not in known and written:
            yield document.mistake((*loc, "receiver"), _unknown_receiver(route.receiver, known))
        elif route.receiver and route.receiver not in known:
            example = f"routes: [{{receiver: {next(iter(known), 'NAME')}}}]"
            yield document.mistake(("receivers",), f"no route leads to {names}; write {example}")
        for name in ("group_wait", "group_interval"):
            if name in raw.model_fields_set and not route.group_by and not route.routes:
                yield document.mistake((*loc, name), "nothing is grouped; write group_by, or remove it")


def _no_receiver(document: Document, i: int, name: str, known: Iterable[str]) -> Mistake:
    return document.mistake(("routes", i, "receiver"), _unknown_receiver(name, known))


def _plugin_mistakes(document: Document, loc: Loc, kind: str, params: Any) -> list[Mistake]:
    group = _GROUPS[str(loc[0])]
    try:
        model = plugins.load(group, kind).Params
    except AiopsError as e:
        return [document.mistake((*loc, "kind"), str(e))]
    except (ImportError, AttributeError) as e:
        return [document.mistake((*loc, "kind"), f"the plug-in {kind!r} cannot be loaded: {e}")]
    try:
        model.model_validate(params)
    except ValidationError as e:
        return [_named(m, loc) for m in mistakes_of(document, model, e, loc)]
    return []


def _named(mistake: Mistake, loc: Loc) -> Mistake:
    """A mistake on the variable that gave the value, if one did."""
    below = mistake.field.split(".")[len(loc) :]
    name = environment.variable_of((*loc, *below), os.environ)
    return mistake if name is None else Mistake(environment.WHERE, 1, 1, name, mistake.message)


def _secrets(document: Document, value: Any, loc: Loc) -> Iterator[Mistake]:
    if isinstance(value, dict):
        for key, one in value.items():
            if loc and loc[-1] == "headers" and str(key).lower() in _SECRET_HEADERS:
                message = "secrets do not stand in a file; use bearer_token_file or password_file"
                yield document.mistake((*loc, key), message)
            else:
                yield from _secrets(document, one, (*loc, key))
    elif isinstance(value, list):
        for i, one in enumerate(value):
            yield from _secrets(document, one, (*loc, i))
    elif isinstance(value, str) and _PASSWORD.match(value):
        yield document.mistake(loc, f"holds a password; secrets do not stand in a file: use a *_file key or {_variable(loc)}")
    elif isinstance(value, str) and (found := _PLACEHOLDER.search(value)) is not None:
        how = f"write the value out, or set the variable {_variable(loc)} in its place; secrets by a *_file"
        yield document.mistake(loc, f"{found[0]} is not filled in from the environment; {how}")


def _variable(loc: Loc) -> str:
    """The variable that gives what stands at `loc`; of an item of a list, that which gives the whole list."""
    names = itertools.takewhile(lambda part: isinstance(part, str), loc)
    return environment.PREFIX + "__".join(str(name).upper() for name in names)


def _empty(document: Document, value: Any, loc: Loc) -> Iterator[Mistake]:
    if isinstance(value, dict | list):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _empty(document, one, (*loc, key))
    elif value is None:
        yield document.mistake(loc, EMPTY)


def _bare_durations(document: Document) -> Iterator[Mistake]:
    data = document.data
    sources = data.get("sources")
    places: list[tuple[Loc, Any]] = [(("limits", "seconds"), _get(data.get("limits"), "seconds"))]
    if isinstance(sources, dict):
        places += [(("sources", name, "step"), _get(one, "step")) for name, one in sources.items()]
    for loc, value in places:
        if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
            yield document.mistake(loc, f"{value} is no duration; write a unit, for example {value}s")


def _get(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None


def _anchored(data: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The same data with relative paths made absolute: they are relative to the file."""
    out = dict(data)
    for key in ("cards", "runbooks", "catalog"):
        if isinstance(out.get(key), list):
            out[key] = [str(folder / p) if isinstance(p, str) else p for p in out[key]]
    for key in ("data_dir", "policy", "holidays_file"):
        if isinstance(out.get(key), str):
            out[key] = str(folder / out[key])
    if isinstance(out.get("masks"), dict):
        out["masks"] = {name: _anchored_files(one, _FILES, folder) for name, one in out["masks"].items()}
    out |= {key: _anchored_files(out[key], _FILES, folder) for key in EXPORTS if key in out}
    if isinstance(out.get("web"), dict):
        out["web"] = _anchored_web(out["web"], folder)
    for group, plugin_group in _GROUPS.items():
        if isinstance(out.get(group), dict):
            out[group] = {name: _anchored_params(one, plugin_group, folder) for name, one in out[group].items()}
    return out


def _anchored_web(web: dict[str, Any], folder: Path) -> dict[str, Any]:
    out = dict(_anchored_files(web, ("accounts_file",), folder))
    for part, files in (("tls", ("cert_file", "key_file")), ("oidc", ("client_secret_file", "ca_file"))):
        if part in out:
            out[part] = _anchored_files(out[part], files, folder)
    return out


def _anchored_files(one: Any, keys: Sequence[str], folder: Path) -> Any:
    if not isinstance(one, dict):
        return one
    return one | {key: str(folder / one[key]) for key in keys if isinstance(one.get(key), str) and one[key]}


def _anchored_params(one: Any, group: str, folder: Path) -> Any:
    if not isinstance(one, dict):
        return one
    try:
        model: type[BaseModel] = plugins.load(group, str(one.get("kind"))).Params
    except (AiopsError, ImportError, AttributeError):
        return one  # told by _plugin_mistakes
    paths = [n for n, f in model.model_fields.items() if f.annotation is Path or Path in _parts(f.annotation)]
    return one | {n: str(folder / one[n]) for n in paths if isinstance(one.get(n), str) and one[n]}


def _parts(annotation: Any) -> tuple[Any, ...]:
    return getattr(annotation, "__args__", ())
