"""`aiops check`: every mistake in config, cards and runbooks at once, each where it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, astuple, dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from aiops.cli.check_labels import label_hints
from aiops.cli.check_match import nearest, refusal
from aiops.config import environment
from aiops.config.judge import EXPORTS, judged_file
from aiops.config.messages import did_you_mean
from aiops.config.responses import members
from aiops.config.routing import every, resolved
from aiops.config.settings import Settings, load_settings
from aiops.config.shipped import models_dir, runbooks_dir, shelves
from aiops.config.yaml_file import Document, load, yaml_files
from aiops.config.yaml_strict import FOLDER, Loc
from aiops.core.errors import FileError, Mistake
from aiops.core.text import json_of
from aiops.core.units import mistaken
from aiops.governance.policy import Policy, load_policy
from aiops.models.card import ModelCard, load_card, load_cards
from aiops.responses.catalogue import Actions
from aiops.runbooks import Runbook, load_runbook, load_runbooks
from aiops.runbooks.plan import refusals_by
from aiops.web.access import own_files

T = TypeVar("T")
DEFAULT_ROUTE = "default"
"""What a runbook names to be told wherever the config's routes lead."""


def run_check(files: list[Path], config: Path | None, as_json: bool = False) -> tuple[int, list[str]]:
    """(exit code, lines): 1 and one line a mistake, `path:line:column: field.path: what and what to do`, or 0; what only may be
    one has `warning: ` before its message."""
    found = check(files, config)
    wrong = any(not isinstance(m, Hint) for m in found)
    if as_json:
        rows = [{"level": "warning" if isinstance(m, Hint) else "mistake", **asdict(m)} for m in found]
        return int(wrong), [json_of(row).decode() for row in rows]
    count = len(yaml_files(files))
    ok = f"ok: {count} file{'s' * (count != 1)}" if files else "ok: config, cards and runbooks"
    return int(wrong), [*map(str, found), *([] if wrong else [ok])]


def left_out(files: Sequence[Path], config: Path | None) -> Iterator[str]:
    """What was not judged of each configuration among right `files`: it was looked at alone."""
    for path in yaml_files(files) if config is None else []:
        if isinstance(_judge(path), Settings):
            yield f"{path}: the cards, runbooks and files that it names were not judged; `aiops check --config {path}` does"


@dataclass(frozen=True, slots=True, order=True)
class Hint(Mistake):
    """What may be a mistake, and what to do if so."""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.field}: warning: {self.message}"


def check(files: Sequence[Path], config: Path | None) -> list[Mistake]:
    """All mistakes, sorted, after them what may be one. Each of `files` is judged on its own, and against `config` if given;
    without files, everything."""
    found = set(_everything(config) if not files else _files(files, config))
    hints = [one for one in found if isinstance(one, Hint)]
    return [*sorted(one for one in found if not isinstance(one, Hint)), *sorted(hints)]


def _files(files: Sequence[Path], config: Path | None) -> Iterator[Mistake]:
    cards: list[ModelCard] = []
    runbooks: list[Runbook] = []
    for path in files:
        if path.is_dir() and not yaml_files([path]):
            yield Mistake(str(path), 1, 1, FOLDER, "holds no YAML file; name a file, or a folder with .yaml files in it")
    for path in yaml_files(files):
        try:
            one = _judge(path)
        except FileError as e:
            yield from (m for m in e.mistakes if m.path != environment.WHERE)
            continue
        if isinstance(one, ModelCard):
            cards.append(one)
            yield from _units([one])
        elif isinstance(one, Runbook):
            runbooks.append(one)
    if config is not None:
        try:
            settings = load_settings(config)
        except FileError as e:
            yield from e.mistakes
            return
        yield from _references(settings, cards, runbooks)
        yield from _beside(settings, cards, runbooks)


def _beside(settings: Settings, cards: list[ModelCard], runbooks: list[Runbook]) -> Iterator[Mistake]:
    """Whether cards and runbooks find each other, among themselves and those of the config; whose own mistakes are not told."""
    card_paths, runbook_paths = _or_shipped(settings.cards, settings.runbooks)
    names = {card.name for card in cards}
    more = [card for card in _loadable(card_paths, load_card) if card.name not in names]
    names = {runbook.name for runbook in runbooks}
    others = [one for one in _loadable(runbook_paths, load_runbook) if one.name not in names]
    yield from _unmatched(runbooks, [*cards, *more])
    yield from _unanswered(cards, [*runbooks, *others])
    yield from _labels(settings, runbooks, [*cards, *more])
    yield from _unlisted(settings, runbooks)


def _or_shipped(cards: Sequence[Path], runbooks: Sequence[Path]) -> tuple[Sequence[Path], Sequence[Path]]:
    """What the daemon loads in place of what is not given; all that is shipped when nothing is."""
    if not cards and not runbooks:
        return shelves(models_dir()), shelves(runbooks_dir())
    return cards or [models_dir()], runbooks or [runbooks_dir()]


def _loadable(paths: Iterable[Path], load_one: Callable[[Path], T]) -> list[T]:
    out = []
    for path in yaml_files(paths):
        with suppress(FileError):
            out.append(load_one(path))
    return out


def _judge(path: Path) -> ModelCard | Runbook | Policy | Settings:
    """One file, by its `kind`; the config has none. Raises FileError."""
    document = load(path)
    data = document.data if isinstance(document.data, dict) else {}
    kind = data.get("kind")
    if kind == "ModelCard":
        return load_card(path)
    if kind == "Runbook":
        return load_runbook(path)
    if kind == "Policy":
        return load_policy(path)
    if "kind" in data or {"apiVersion", "query", "match", "steps"} & set(data):
        said = f"no kind {kind!r}" if "kind" in data else "is missing"
        raise FileError([document.mistake(("kind",), f"{said}; write ModelCard, Runbook or Policy; the config has no kind")])
    return load_settings(path)


def _everything(config: Path | None) -> Iterator[Mistake]:
    settings = None
    card_paths: Sequence[Path]
    runbook_paths: Sequence[Path]
    try:
        settings = load_settings(config)
        card_paths, runbook_paths = settings.cards, settings.runbooks
    except FileError as e:
        yield from e.mistakes
        card_paths, runbook_paths = _paths(config, "cards"), _paths(config, "runbooks")
    card_paths, runbook_paths = _or_shipped(card_paths, runbook_paths)
    cards: list[ModelCard] | None = None
    runbooks: list[Runbook] | None = None
    try:
        cards = load_cards(card_paths)
    except FileError as e:
        yield from e.mistakes
    yield from _units(cards or [])
    try:
        runbooks = load_runbooks(runbook_paths)
    except FileError as e:
        yield from e.mistakes
    if settings is not None:
        try:
            yield from _policy_names(settings, load_policy(settings.policy))
        except FileError as e:
            yield from e.mistakes
        yield from _references(settings, cards or [], runbooks or [])
        yield from _labels(settings, runbooks or [], cards or [])
        yield from _unlisted(settings, runbooks or [])
        yield from _config_references(config, settings, cards)
    elif cards is not None and config is not None:
        yield from _raw_references(config, cards)
    if cards is not None and runbooks is not None:
        if settings is None or settings.runbooks or not settings.cards:  # of the shipped runbooks own cards need a few
            yield from _unmatched(runbooks, cards)
        yield from _unanswered(cards, runbooks)


def _paths(config: Path | None, key: str) -> list[Path]:
    """The paths in a config that is wrong elsewhere, so that its cards and runbooks are judged all the same."""
    try:
        data = load(config).data if config is not None else None
    except FileError:
        return []
    listed = data.get(key) if isinstance(data, dict) else None
    folder = Path() if config is None else config.resolve().parent
    return [folder / p for p in listed if isinstance(p, str)] if isinstance(listed, list) else []


def _references(settings: Settings, cards: Iterable[ModelCard], runbooks: Iterable[Runbook]) -> Iterator[Mistake]:
    """What cards and runbooks name and the config does not have."""
    for card in cards:
        for i, name in enumerate(card.sources):
            if name not in settings.sources:
                message = f"no source {name!r} in the config{did_you_mean(name, list(settings.sources))}"
                yield _at(card.path, ("sources", i), message)
    for runbook in runbooks:
        name = runbook.notify.route
        if name != DEFAULT_ROUTE and name not in settings.receivers:
            hint = did_you_mean(name, [*settings.receivers, DEFAULT_ROUTE])
            yield _at(runbook.path, ("notify", "route"), f"no receiver {name!r} in the config{hint}")
        yield from _asked(settings, runbook)


def _asked(settings: Settings, runbook: Runbook) -> Iterator[Mistake]:
    """Groups that nobody is in, and windows that nobody defined: nothing would ever be approved, or done."""
    groups, masks = members(settings.responses.groups, settings.web.people), list(settings.masks)
    for i, one in enumerate(runbook.approval.from_ if runbook.approval else ()):
        kind, _, name = one.partition(":")
        if kind == "group" and name not in groups and runbook.mode in ("approve", "auto"):
            hint = did_you_mean(name, list(groups))
            yield _at(runbook.path, ("approval", "from", i), f"nobody is in the group {name!r} in the config{hint}")
    for i, name in enumerate(runbook.guards.skip_during if runbook.guards else ()):
        if name not in masks:
            hint = did_you_mean(name, masks)
            yield _at(runbook.path, ("guards", "skip_during", i), f"no mask {name!r} in the config, so it always lasts{hint}")


def _config_references(config: Path | None, settings: Settings, cards: list[ModelCard] | None) -> Iterator[Mistake]:
    """What the config names and there is not."""
    document = Document("(no file)", "", {}) if config is None else load(config)
    if cards is not None:
        yield from _stages(document, settings.stages, cards)
        yield from _named_cards(document, settings, cards)
    yield from _untold(document, settings.receivers, _told(settings))
    for group, chosen in (("sources", settings.sources), ("receivers", settings.receivers)):
        for name, one in chosen.items():
            yield from _secret_files(document, (group, name), one.params)
    for name, mask in settings.masks.items():
        yield from _secret_files(document, ("masks", name), mask.model_dump())
    for loc, part in ((("web", "oidc"), settings.web.oidc), *(((name,), getattr(settings, name)) for name in EXPORTS)):
        yield from _secret_files(document, loc, part.model_dump() if part is not None else {})
    for loc, said in own_files.troubles(settings.web):
        yield document.mistake(("web", *loc), said)


def _stages(document: Document, stages: Iterable[str], cards: Sequence[ModelCard]) -> Iterator[Mistake]:
    names = [card.name for card in cards]
    for name in stages:
        if name not in names:
            yield document.mistake(("stages", name), f"no card {name!r}{did_you_mean(name, names)}")


def _named_cards(document: Document, settings: Settings, cards: Sequence[ModelCard]) -> Iterator[Mistake]:
    """Cards that masks and pilots name and that there are not."""
    names = [card.name for card in cards]
    for part, named in (("masks", settings.masks), ("pilots", settings.pilots)):
        for name, one in named.items():
            for i, card in enumerate(one.cards):
                if card not in names:
                    yield document.mistake((part, name, "cards", i), f"no card {card!r}{did_you_mean(card, names)}")


def _raw_references(config: Path, cards: Sequence[ModelCard]) -> Iterator[Mistake]:
    """What a config that is wrong elsewhere names and there is not, as far as its parts can be read."""
    try:
        document = load(config)
    except FileError:
        return  # told already
    data = judged_file(document, config)[0] if isinstance(document.data, dict) else {}
    parts = {key: data[key] for key in ("stages", "receivers", "sources") if isinstance(data.get(key), dict)}
    yield from _stages(document, parts.get("stages", {}), cards)
    if isinstance(data.get("routes"), list):
        told = {str(route.get("receiver")) for route in data["routes"] if isinstance(route, dict)}
        yield from _untold(document, parts.get("receivers", {}), told)
    for group in ("sources", "receivers"):
        for name, one in parts.get(group, {}).items():
            if isinstance(one, dict):
                yield from _secret_files(document, (group, name), one)


def _told(settings: Settings) -> set[str]:
    """Receivers to which a route leads, or a fallback, or the heartbeat."""
    routes = {route.receiver for _, route in every(resolved(settings.routes))}
    others = {one.fallback for one in settings.receivers.values()}
    return routes | others | ({settings.heartbeat.receiver} if settings.heartbeat is not None else set())


def _policy_names(settings: Settings, policy: Policy) -> Iterator[Mistake]:
    """Names in the policy that are almost one of the config of which it says nothing. Others may be those of another daemon."""
    told = (
        ("sources", "source", policy.sources, [*settings.sources]),
        ("locations", "receiver", policy.locations, [*settings.receivers, "web", *EXPORTS]),
    )
    for part, what, named, known in told:
        unnamed = [name for name in known if name not in named]
        for name in named:
            if name not in known and get_close_matches(name, unnamed, 1):
                message = f"no {what} {name!r} in the config{did_you_mean(name, unnamed)}"
                yield _at(str(settings.policy), (part, name), message)


def _untold(document: Document, receivers: Iterable[str], told: set[str]) -> Iterator[Mistake]:
    for name in receivers:
        if name not in told:
            yield document.mistake(("receivers", name), "no route leads here; add one under routes, or remove it")


def _secret_files(document: Document, loc: Loc, params: dict[str, Any]) -> Iterator[Mistake]:
    for key, value in params.items():
        if key.endswith("_file") and value:
            try:
                with open(value, "rb"):
                    pass
            except OSError as e:
                yield document.mistake(
                    (*loc, key), f"{value} cannot be read: {e.strerror}; create it or correct the path"
                )


def _units(cards: Iterable[ModelCard]) -> Iterator[Mistake]:
    """Units that are none of UCUM: their numbers are told as plain numbers with that word."""
    for card in cards:
        if wrong := mistaken(card.unit):
            yield _hint(card.path, ("unit",), wrong)


def _unmatched(runbooks: list[Runbook], cards: list[ModelCard]) -> Iterator[Mistake]:
    """Runbooks that no warning of these cards can ever reach."""
    for runbook in runbooks:
        why = [refusal(runbook, card) for card in cards]
        if runbook.enabled and all(why):
            signals = sorted({card.signal for card in cards})
            yield _at(runbook.path, ("match",), f"no card ever leads here: {nearest(runbook, cards, signals)}")


def _unanswered(cards: list[ModelCard], runbooks: list[Runbook]) -> Iterator[Mistake]:
    """Cards whose warnings no runbook answers; those of alerting rules have the rule's own `runbook_url`."""
    for card in cards:
        if card.alerts is None and not any(runbook.enabled and not refusal(runbook, card) for runbook in runbooks):
            yield _at(
                card.path, ("signal",), f"no runbook says what to do about {card.signal}; write one that matches it"
            )


def _labels(settings: Settings, runbooks: Iterable[Runbook], cards: Sequence[ModelCard]) -> Iterator[Mistake]:
    """Labels that runbooks look at and that warnings of the cards that lead to them may not have."""
    external = [name for source in settings.sources.values() for name in source.labels]
    for runbook in runbooks:
        leading = [card for card in cards if runbook.enabled and not refusal(runbook, card)]
        for loc, message in label_hints(runbook, leading, external):
            yield _hint(runbook.path, loc, message)


def _unlisted(settings: Settings, runbooks: Iterable[Runbook]) -> Iterator[Mistake]:
    """Steps of runbooks that are to act, as far as the configuration lets any, whose program, host, namespace or job it does not
    list."""
    s, acts = settings.responses, ("approve", "auto")
    if not any(mode in acts for mode in (s.ceiling, *(one.mode for one in s.ceilings))):
        return
    refuses = Actions(s.actions).refuses
    for runbook in (one for one in runbooks if one.enabled and one.mode in acts):
        for i, step in enumerate(runbook.steps):
            for why in refusals_by(refuses, step, None):
                yield _hint(runbook.path, ("steps", i, "uses"), f"it would be refused: {why}")


def _at(path: str, loc: Loc, message: str) -> Mistake:
    return load(Path(path)).mistake(loc, message)


def _hint(path: str, loc: Loc, message: str) -> Hint:
    return Hint(*astuple(_at(path, loc, message)))
