"""The book of masks: what was read of calendars, silences, deploys and incidents, how old that is, and what it means for a card.

A mask that cannot be read keeps what it said last for `keep_for`: what was masked stays so, and nothing is masked for ever. From
the first failure on the board, the metrics and the log name it, and once more when it masks nothing any longer.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import orjson

from aiops.config.masks import MaskSettings
from aiops.core.durations import text
from aiops.core.errors import AiopsError
from aiops.core.folders import write_whole
from aiops.core.spans import Group, Span, grouped
from aiops.core.text import visible

FOLDER = "masks"
Answer = tuple[Sequence[Span], Sequence[str]]
"""Times, and remarks."""
LOOK_BACK_S = 35 * 86400.0
"""How long times that have passed are remembered: a model that learns older history leaves them out."""


class Reader(Protocol):
    """Where the times of one mask come from."""

    def read(self, now_s: float, before: Sequence[Span], read_s: float | None) -> Answer:
        """(all times that are known, remarks); `before`: those of the last reading, at `read_s`. Raises AiopsError."""

    def close(self) -> None:
        """Let go of connections."""


@dataclass(slots=True)
class Mask:
    """One mask. `read_s`: when it was last read, None = never; `error`: why it could not be the last time, empty = it was."""

    name: str
    rule: MaskSettings
    reader: Reader | None = None
    spans: tuple[Span, ...] = ()
    read_s: float | None = None
    tried_s: float = float("-inf")
    error: str = ""
    notes: tuple[str, ...] = ()
    lapsed: bool = False

    @property
    def follows_verdicts(self) -> bool:
        """Whether its times follow from what was judged: in a replay they are known only as it goes on."""
        return self.rule.kind == "incidents"

    def due(self, now_s: float) -> bool:
        """Whether it is time to read it."""
        return self.reader is not None and not 0 <= now_s - self.tried_s < self.rule.every

    def counts(self, now_s: float) -> bool:
        """Whether what was read last is still to be believed."""
        return self.read_s is not None and now_s - self.read_s <= self.rule.keep_for

    def trouble(self, now_s: float) -> str:
        """What is wrong with it, in words; empty when nothing is."""
        if not self.error:
            return "; ".join(self.notes)
        if self.read_s is None:
            return f"{self.error}; it was never read: it masks nothing"
        age = f"it was last read {text(max(0.0, now_s - self.read_s))} ago"
        left = self.read_s + self.rule.keep_for - now_s
        if left < 0:
            return f"{self.error}; {age}, longer than {text(self.rule.keep_for)}: it masks nothing"
        return f"{self.error}; {age}, and what it said then counts for {text(left)} more"


@dataclass(frozen=True, slots=True)
class News:
    """What is new of a mask: an error began, or (empty) it is over; `lapsed`: it does not mask any longer."""

    mask: str
    error: str
    lapsed: bool = False


@dataclass(slots=True)
class MaskBook:
    """All masks of a configuration. `version` grows whenever another answer is possible. Thread-safe: readers see whole states.

    `folder`: where what was read is kept over a restart; None: nowhere.
    """

    masks: dict[str, Mask] = field(default_factory=dict)
    folder: Path | None = None
    version: int = 0
    _groups: dict[str, tuple[int, list[Group]]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def asks_what_fails(self) -> bool:
        """Whether a mask lasts as long as something is beyond its limit."""
        return any(mask.follows_verdicts for mask in self.masks.values())

    def follows_verdicts(self, card: str) -> bool:
        """Whether what is masked of a card follows from verdicts."""
        return any(mask.follows_verdicts and card in (mask.rule.cards or (card,)) for mask in self.masks.values())

    def leave_out_verdicts(self) -> None:
        """From now on mask nothing for what was judged."""
        self.masks = {name: mask for name, mask in self.masks.items() if not mask.follows_verdicts}
        self.version += 1

    def refresh(self, now_s: float, unread: bool = False) -> list[News]:
        """Read every mask that is due, all at once; what is new of them. `unread`: only those that have nothing to say yet."""
        with self._lock:
            due = [mask for mask in self.masks.values() if mask.due(now_s) and not (unread and mask.counts(now_s))]
            news: list[News] = []
            if due:
                with ThreadPoolExecutor(len(due), thread_name_prefix="masks") as pool:
                    answers = list(pool.map(lambda mask: _asked(mask, now_s), due))
                news = [one for mask, answer in zip(due, answers, strict=True) for one in self._heard(mask, answer, now_s)]
            return news + [one for mask in self.masks.values() for one in self._lapsing(mask, now_s)]

    def _heard(self, mask: Mask, answer: Answer | str, now_s: float) -> Iterator[News]:
        before, mask.tried_s = mask.error, now_s
        if isinstance(answer, str):
            mask.error = answer
        else:
            self._take(mask, tuple(_bounded(mask, answer[0])), tuple(answer[1]), now_s)
        if bool(mask.error) != bool(before):
            yield News(mask.name, mask.error)

    def _lapsing(self, mask: Mask, now_s: float) -> Iterator[News]:
        if mask.read_s is not None and mask.lapsed == mask.counts(now_s):
            mask.lapsed = not mask.lapsed
            self.version += 1
            if mask.lapsed:
                yield News(mask.name, mask.trouble(now_s), lapsed=True)

    def _take(self, mask: Mask, spans: tuple[Span, ...], notes: tuple[str, ...], now_s: float) -> None:
        changed = spans != mask.spans or mask.read_s is None
        mask.error, mask.notes, mask.read_s = "", notes, now_s
        if changed:
            mask.spans = spans
            self.version += 1
        if self.folder is not None:
            _keep(self.folder, mask)

    def take_up(self) -> None:
        """What an earlier life, or a running daemon, read last; what cannot be read is as if it was never."""
        for mask in self.masks.values():
            if self.folder is not None and mask.rule.kind != "cron":
                read_s, spans = _kept(self.folder, mask.name)
                if read_s is not None:
                    mask.read_s, mask.spans = read_s, spans
        self.version += 1

    def of(self, card: str) -> list[Group]:
        """The times that concern a card and still count, by what they match."""
        kept = self._groups.get(card)
        version = self.version
        if kept is None or kept[0] != version:
            kept = self._groups[card] = version, grouped(span for _, span in self._spans(card))
        return kept[1]

    def _spans(self, card: str) -> Iterator[tuple[str, Span]]:
        for mask in self.masks.values():
            if mask.lapsed or (mask.rule.cards and card not in mask.rule.cards):
                continue
            for span in mask.spans:
                if span.card in ("", card):
                    yield mask.name, replace(span, match=(*mask.rule.match, *span.match))

    def about(self, card: str, start_s: float, end_s: float) -> list[tuple[str, Span]]:
        """(mask, time) of those that concern a card and overlap [start_s, end_s], the earliest first."""
        found = [(name, one) for name, one in self._spans(card) if one.start_s <= end_s and one.end_s > start_s]
        return sorted(found, key=lambda pair: (pair[1].start_s, pair[0]))

    def troubles(self, now_s: float) -> dict[str, str]:
        """Masks that something is wrong with, and what."""
        return {name: said for name, mask in self.masks.items() if (said := mask.trouble(now_s))}

    def lasting(self, now_s: float) -> dict[str, int]:
        """Of each mask how many times last now."""
        return {
            name: 0 if mask.lapsed else sum(one.start_s <= now_s < one.end_s for one in mask.spans)
            for name, mask in self.masks.items()
            if mask.rule.kind != "cron"
        }

    def close(self) -> None:
        """Let go of connections."""
        for mask in self.masks.values():
            if mask.reader is not None:
                mask.reader.close()


def _asked(mask: Mask, now_s: float) -> Answer | str:
    """What a mask says, or why it cannot be read."""
    assert mask.reader is not None
    try:
        return mask.reader.read(now_s, mask.spans, mask.read_s)
    except AiopsError as e:
        return visible(str(e))


def _bounded(mask: Mask, spans: Iterable[Span]) -> Iterator[Span]:
    longest = mask.rule.longest
    return (one if one.end_s - one.start_s <= longest else replace(one, end_s=one.start_s + longest) for one in spans)


def _keep(folder: Path, mask: Mask) -> None:
    """Write what was read, whole or not at all; a disk that refuses costs only what a restart would have known."""
    body = orjson.dumps({"read_s": mask.read_s, "spans": [one.as_json() for one in mask.spans]})
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(folder / f"{mask.name}.json", body, 0o600)
    except OSError as e:
        mask.notes = (*mask.notes, f"what it says cannot be kept over a restart: {e.strerror}")


def _kept(folder: Path, name: str) -> tuple[float | None, tuple[Span, ...]]:
    try:
        found = orjson.loads((folder / f"{name}.json").read_bytes())
        return float(found["read_s"]), tuple(Span.from_json(one) for one in found["spans"])
    except (OSError, ValueError, KeyError, TypeError):
        return None, ()


