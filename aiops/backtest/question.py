"""What a backtest over cards is asked: which configuration or recording, which cards, which time; and the rooms for it.

A question is plain values, so that a worker process can make the very same rooms of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiops import plugins
from aiops.backtest.arrivals import ArrivedSource, Moment, has_arrivals
from aiops.backtest.past import PastSource
from aiops.config.settings import Settings, SourceSettings, load_settings
from aiops.core.durations import seconds
from aiops.core.errors import AiopsError
from aiops.models.card import ModelCard, load_cards
from aiops.outcomes.incidents import instant
from aiops.pipeline import BatchJournal, Rooms, StoreJournal, Watch, assemble
from aiops.pipeline.mask_read import past_book
from aiops.store import Store
from aiops.telemetry.recording import RecordingSource
from aiops.telemetry.source import Source

RECORDING = "recording"


class BadQuestion(AiopsError):
    """What was asked makes no sense, and what would."""


@dataclass(frozen=True, slots=True)
class Question:
    """`cards`: names, or files; none: all of the configuration. [since_s, until_s] are the turns, epoch seconds."""

    config: Path | None
    data: Path | None
    cards: tuple[str, ...] = ()
    since_s: int = 0
    until_s: int = 0
    incidents: Path | None = None


def moments(since: str, until: str, now_s: float) -> tuple[float | None, float]:
    """(first, last) instant: RFC 3339, epoch seconds, or a duration before the last one, or before now; empty since: None.

    Raises BadQuestion.
    """
    last = _moment("--until", until, now_s) if until else now_s
    first = _moment("--since", since, last) if since else None
    if first is not None and first >= last:
        raise BadQuestion("--since must lie before --until")
    return first, last


def _moment(option: str, text: str, before_s: float) -> float:
    try:
        return before_s - seconds(text)
    except ValueError:
        pass
    try:
        return instant(text)
    except ValueError:
        raise BadQuestion(f"{option}: {text[:60]!r} is neither a duration, such as 30d, nor a time of RFC 3339") from None


def settings_of(asked: Question) -> Settings:
    """The configuration with those sources that keep a past, or with the recording alone. Raises FileError, BadQuestion."""
    settings = load_settings(asked.config)
    if asked.data is not None:
        recording = SourceSettings.model_validate({"kind": "recording", "path": str(asked.data.resolve())})
        return settings.model_copy(update={"sources": {RECORDING: recording}})
    kept = {name: one for name, one in settings.sources.items() if plugins.load("sources", one.kind).keeps_past}
    if not kept:
        raise BadQuestion("no source keeps a past that could be replayed; give --config with a Prometheus, or --data")
    return settings.model_copy(update={"sources": kept})


def cards_of(asked: Question, settings: Settings) -> list[ModelCard]:
    """The cards that are asked for. Raises FileError, BadQuestion for a name that there is not."""
    files = [Path(one) for one in asked.cards if one.endswith((".yaml", ".yml"))]
    names = [one for one in asked.cards if not one.endswith((".yaml", ".yml"))]
    found = load_cards(files) if files else []
    if names or not files:
        known = {card.name: card for card in load_cards(settings.card_paths)}
        unknown = [name for name in names if name not in known]
        if unknown:
            raise BadQuestion(f"no card {unknown[0]!r}; there are {', '.join(known)}")
        found += [known[name] for name in names] if names else known.values()
    return found


def rooms_of(asked: Question, folder: Path) -> Rooms:
    """The rooms of a question, their sources replaced by what was read of them into `folder`; nothing was read yet."""
    settings = settings_of(asked)
    cards = cards_of(asked, settings)
    store = Store.open("sqlite://", None)
    moment = Moment(asked.since_s)
    rooms = assemble(settings, cards, (), store, None, moment)
    longest = max(card.history_s for card in cards)
    past: dict[str, Source[Any]] = {}
    for name, link in rooms.links.items():
        past[name] = _past(link.source, folder, asked.since_s - longest, asked.until_s, moment)
        link.source = past[name]
    folder.mkdir(parents=True, exist_ok=True)
    rooms.masks = past_book(settings, rooms, asked.since_s - longest, asked.until_s, folder)
    for watch in rooms.watches:
        watch.mask.book = rooms.masks
        watch.forget_from = 2**62  # what has ended is still reported on
        for feed in watch.feeds:
            feed.link.source = past[feed.name]
    declares = any(card.truth.alerts or (asked.incidents and card.truth.incidents) for card in cards)
    rooms.marks_turns = declares
    at_once = declares or rooms.masks.asks_what_fails  # what was judged is asked for while it goes on
    rooms.journal = StoreJournal(store) if at_once else BatchJournal(store)
    return rooms


def _past(source: Source[Any], folder: Path, begin_s: int, until_s: int, moment: Moment) -> Source[Any]:
    """What a source was, as it came in where that was recorded."""
    if isinstance(source, RecordingSource) and has_arrivals(source.params.path):
        return ArrivedSource(source.name, source.params, source.limits, moment)
    return PastSource(source, folder, begin_s, until_s)


def set_clock(rooms: Rooms, now_s: int) -> None:
    """Let it be `now_s` in these rooms."""
    assert isinstance(rooms.clock, Moment)
    rooms.clock.now_s = float(now_s)


def close(rooms: Rooms) -> None:
    """Let go of sources and store."""
    for link in rooms.links.values():
        link.close()
    rooms.store.close()


def read_all(rooms: Rooms, mark: Callable[[float], None], only: str = "") -> list[Watch]:
    """Read what every card asks, once; the watches that have something to look at. Raises SourceError when a source is away.

    `only`: nothing but what the watch of that name asks.
    """
    asking = [watch for watch in rooms.watches if watch.card.alerts is None and only in ("", watch.name)]
    work = [(watch, feed) for watch in asking for feed in watch.feeds]
    seen: dict[int, bool] = {id(watch): True for watch in rooms.watches if watch.card.alerts is not None}
    for i, (watch, feed) in enumerate(work):
        source = feed.link.source
        if not isinstance(source, PastSource):  # it says what had come in by each turn, and knows that only then
            seen[id(watch)] = True
            continue
        kept = source.kept(watch.card.query, watch.step_s, lambda share, i=i: mark((i + share) / len(work)))  # type: ignore[misc]
        seen[id(watch)] = seen.get(id(watch), False) or len(kept.labels) > 0
        if watch.limit_query:
            source.kept(watch.limit_query, watch.step_s)
        mark((i + 1) / len(work))
    return [watch for watch in rooms.watches if seen.get(id(watch))]


def grid(watches: Sequence[Watch], since_s: int, until_s: int) -> list[tuple[int, list[Watch]]]:
    """Every instant at which some watch has a turn, and which, in time order."""
    at: dict[int, list[Watch]] = {}
    for watch in watches:
        step = watch.step_s
        for now in range(-(-since_s // step) * step, until_s + 1, step):
            at.setdefault(now, []).append(watch)
    return sorted(at.items())
