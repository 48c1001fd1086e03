"""What people's feedback asks of a card, as a change of its file that somebody else must make: a diff, and what it would have
done to the warnings that are kept. Nothing is changed here."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from aiops.config.yaml_file import load
from aiops.core.cron import Cron
from aiops.core.durations import text as duration
from aiops.core.labels import Matcher, matches_all
from aiops.core.records import CAME, EarlyWarning
from aiops.models.card import ModelCard
from aiops.outcomes.feedback import Feedback, Word, current
from aiops.store import Statement, Store

ENOUGH = 2
"""Warnings of which the same must be said before anything is proposed."""
DAY_S, HOUR_S = 86400, 3600
KEPT_AT_MOST = 10_000
PERSISTENCE = ((2, 3), (3, 5), (5, 8), (8, 12), (12, 18), (20, 30))
"""The steps in which a card is made slower to speak."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What a change would have done to the warnings kept: how many it keeps back, by their verdict."""

    of: int
    kept_back: Mapping[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        back = ", ".join(f"{n} {verdict}" for verdict, n in sorted(self.kept_back.items())) or "none"
        return f"of {self.of} warnings kept it would have kept back {back}"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change of one key of a card, why, and what it would have done; `key` empty: nothing in the card would help.

    `word` was said of the warnings with the ids `about`.
    """

    card: str
    why: str
    key: str = ""
    value: Any = None
    diff: str = ""
    tried: Tried | None = None
    word: str = ""
    about: tuple[str, ...] = ()


BY_HAND: dict[Word, str] = {
    "early": "a shorter `forecast.horizon`, or more `persistence`, tells of them later",
    "wrong_target": "look at its `entity` and at what its runbooks match",
    "unimportant": "leave such series out of its `query`, or set a limit that hurts",
}
"""What is said of a word from which no change of the card follows by itself."""


def feedback_of(store: Store, card: str | None = None) -> list[Feedback]:
    """The current feedback on the warnings of a card, or of all."""
    return current(feedback_from(said) for said in store.statements(kind="feedback", card=card))


def feedback_from(said: Statement) -> Feedback:
    """The feedback that a statement holds."""
    return Feedback(said.card, said.warning_id, said.who, said.body["word"], said.said_s, said.body["note"])


def suggest(store: Store, card: ModelCard) -> list[Proposal]:
    """What is proposed for a card: one change a word that was said of ENOUGH of its warnings, tried on those that are kept."""
    kept = [w for w in store.warnings(card=card.name, limit=KEPT_AT_MOST) if not w.members]
    by_id = {w.id: w for w in kept}
    said: dict[Word, dict[str, EarlyWarning]] = {}
    for one in feedback_of(store, card.name):
        if one.warning_id in by_id:
            said.setdefault(one.word, {})[one.warning_id] = by_id[one.warning_id]
    out: list[Proposal] = []
    for word, about in sorted(said.items()):
        if word != "useful" and len(about) >= ENOUGH:
            found = _for(word, card, sorted(about.values(), key=lambda w: w.opened_s), kept)
            out += [replace(one, word=word, about=tuple(sorted(about))) for one in found]
    return out


def _for(word: Word, card: ModelCard, about: Sequence[EarlyWarning], kept: Sequence[EarlyWarning]) -> Iterator[Proposal]:
    why = f"{len(about)} warnings were called {word.replace('_', ' ')}"
    if word == "noise":
        yield _slower(card, why, about, kept) or _floored(card, why, about, kept) or _cheaper(card, why)
    elif word == "expected":
        yield _excluded(card, why, about, kept) or Proposal(card.name, f"{why}, at no common hour: no window tells them apart")
    elif word == "late":
        yield _faster(card, why) or Proposal(card.name, f"{why}; it speaks at the first look already")
    elif word == "duplicate":
        yield _wider(card, why, kept) or Proposal(card.name, f"{why}; its entity has one label only")
    else:
        yield Proposal(card.name, f"{why}: {BY_HAND[word]}")


def _slower(card: ModelCard, why: str, about: Sequence[EarlyWarning], kept: Sequence[EarlyWarning]) -> Proposal | None:
    """More persistence: the least that keeps back at least half of what was called noise."""
    for need, of in PERSISTENCE:
        more = (need - card.guards.need) * card.step_s
        if more > 0 and sum(_lasted(w) < more for w in about) * 2 >= len(about):
            back = [w for w in kept if _lasted(w) < more]
            value = {**_raw(card).get("guards", {}), "persistence": f"{need}/{of}"}
            return _proposal(card, f"{why}; at least half of them ended within {need} looks", "guards", value, back, kept)
    return None


def _floored(card: ModelCard, why: str, about: Sequence[EarlyWarning], kept: Sequence[EarlyWarning]) -> Proposal | None:
    """A floor for how far an anomaly must be from what was expected: above half of the noise, below everything that came true."""
    far = {w.id: change for w in kept if (change := _change(w)) is not None}
    noise = sorted(far[w.id] for w in about if w.id in far)
    if card.detect is None or len(noise) * 2 < len(about):
        return None
    real = min((far[w.id] for w in kept if w.id in far and w.verdict in CAME), default=float("inf"))
    floor = math.ceil(100 * min(noise[len(noise) // 2], 10.0) + 1) / 100
    if not card.guards.min_relative_change < floor < real:
        return None
    back = [w for w in kept if w.id in far and far[w.id] < floor]
    value = {**_raw(card).get("guards", {}), "min_relative_change": floor}
    return _proposal(card, f"{why}; at least half of them were less than {floor:.0%} off", "guards", value, back, kept)


def _change(warning: EarlyWarning) -> float | None:
    """By which share an anomaly differs from what was expected; None where that is not known."""
    evidence = warning.symptoms[0].evidence if warning.kind == "anomaly" and warning.symptoms else {}
    now, expected = evidence.get("now"), evidence.get("expected")
    return None if now is None or not expected else abs(now - expected) / abs(expected)


def _cheaper(card: ModelCard, why: str) -> Proposal:
    """Half the budget of false warnings; what that keeps back only a replay can tell."""
    budget = card.false_alarm_budget
    told = {"count": budget.count / 2, "per": budget.per, "every": duration(budget.every)}
    more = f"{why}; they last as long as others: half the budget asks for surer ones"
    return _proposal(card, more, "false_alarm_budget", told, [], [])


def _lasted(warning: EarlyWarning) -> float:
    return float("inf") if warning.closed_s is None else warning.closed_s - warning.opened_s


def _excluded(card: ModelCard, why: str, about: Sequence[EarlyWarning], kept: Sequence[EarlyWarning]) -> Proposal | None:
    """A daily window around the time at which they opened, of their entity if it is one."""
    minutes = np.array([w.opened_s % DAY_S for w in about], float)
    middle = _middle_of_day(minutes)
    off = (minutes - middle + DAY_S / 2) % DAY_S - DAY_S / 2
    if np.ptp(off) > HOUR_S:
        return None
    start = int(middle + off.min() - 900) % DAY_S // 60 * 60
    length = int(np.ptp(off)) + 1800
    shared = {k: v for k, v in about[0].entity.items() if v and all(w.entity.get(k) == v for w in about)}
    matchers = [Matcher.make(k, "=", v) for k, v in shared.items()]
    cron = Cron.parse(f"{start // 60 % 60} {start // HOUR_S} * * *")
    window = {"cron": cron.text, "for": f"{-(-length // 60)}m", "match": [str(one) for one in matchers]}
    lasts = cron.lasts(np.array([w.opened_s for w in kept], np.int64), -(-length // 60) * 60)
    back = [w for w, inside in zip(kept, lasts, strict=True) if inside and matches_all(matchers, {**w.labels, **w.entity})]
    value = [*_raw(card).get("exclude", []), window]
    at = datetime.fromtimestamp(start, UTC)
    return _proposal(card, f"{why}; all of them opened around {at:%H:%M} UTC", "exclude", value, back, kept)


def _middle_of_day(seconds: np.ndarray[Any, Any]) -> float:
    """The circular mean of times of day, seconds."""
    angle = np.angle(np.exp(2j * np.pi * seconds / DAY_S).mean())
    return float(angle / (2 * np.pi) * DAY_S % DAY_S)


def _faster(card: ModelCard, why: str) -> Proposal | None:
    """Less persistence, one step."""
    less = [one for one in ((1, 1), *PERSISTENCE) if one[0] < card.guards.need]
    if not less:
        return None
    need, of = less[-1]
    value = {**_raw(card).get("guards", {}), "persistence": f"{need}/{of}"}
    gain = (card.guards.need - need) * card.step_s
    return _proposal(card, f"{why}; it would speak {gain} s earlier, and more often", "guards", value, [], [])


def _wider(card: ModelCard, why: str, kept: Sequence[EarlyWarning]) -> Proposal | None:
    """An entity with one label less, so that what was told apart is told together."""
    if len(card.entity) < 2:
        return None
    left, back, last = card.entity[:-1], [], dict[str, float]()
    for w in sorted(kept, key=lambda w: w.opened_s):
        name = "\0".join([w.kind, *(w.entity.get(label, "") for label in left)])
        if w.opened_s <= last.get(name, -1.0):
            back.append(w)  # it would have been part of the one that was open
        last[name] = max(last.get(name, -1.0), w.opened_s + _lasted(w))
    return _proposal(card, f"{why}; without {card.entity[-1]} they are one", "entity", left, back, kept)


def _proposal(
    card: ModelCard, why: str, key: str, value: Any, back: Sequence[EarlyWarning], kept: Sequence[EarlyWarning]
) -> Proposal:
    count: dict[str, int] = {}
    for w in back:
        verdict = w.verdict or "open"
        count[verdict] = count.get(verdict, 0) + 1
    diff = diff_of(card, key, value)
    by_hand = "" if diff or not card.path else f"; its file has no lines of keys to change: write {key}: {_flow(value)}"
    return Proposal(card.name, why + by_hand, key, value, diff, Tried(len(kept), count) if kept else None)


def diff_of(card: ModelCard, key: str, value: Any) -> str:
    """The unified diff that gives a top-level key of a card's file another value; empty for a card made in code."""
    if not card.path:
        return ""
    before = Path(card.path).read_text("utf-8").splitlines(keepends=True)
    after = file_with(card, key, value).splitlines(keepends=True)
    found = difflib.unified_diff(before, after, f"a/{Path(card.path).name}", f"b/{Path(card.path).name}", n=1)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in found)


def file_with(card: ModelCard, key: str, value: Any) -> str:
    """The text of a card's file with another value of a top-level key."""
    return "".join(changed(Path(card.path).read_text("utf-8").splitlines(keepends=True), key, value))


def changed(lines: Sequence[str], key: str, value: Any) -> list[str]:
    """The lines of a card with one top-level key on a line of its own; where it is new it stands before the tests.

    Without a key that begins a line, as in a file that is written as JSON, they stay as they are.
    """
    new = f"{key}: {_flow(value)}\n"
    begins = [i for i, line in enumerate(lines) if line[:1].isalpha()]
    if not begins:
        return list(lines)
    lines = [*lines[:-1], lines[-1] if lines[-1].endswith("\n") else f"{lines[-1]}\n"]
    mine = next((i for i in begins if lines[i].startswith(f"{key}:")), None)
    if mine is None:
        at = next((i for i in begins if lines[i].startswith("tests:")), len(lines))
        return [*lines[:at], new, *lines[at:]]
    end = next((i for i in begins if i > mine), len(lines))
    return [*lines[:mine], new, *lines[end:]]


def _flow(value: Any) -> str:
    """A value in YAML's flow style, which JSON's texts are part of."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{k}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_flow(v) for v in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def _raw(card: ModelCard) -> Mapping[str, Any]:
    """What the card's file says, as it is written."""
    found = load(Path(card.path)).data if card.path else {}
    return found if isinstance(found, Mapping) else {}


def as_json(found: Iterable[Proposal]) -> Iterator[dict[str, Any]]:
    """Plain values."""
    for one in found:
        tried = None if one.tried is None else {"of": one.tried.of, "kept_back": dict(one.tried.kept_back)}
        facts = {"word": one.word, "about": list(one.about), "key": one.key, "value": one.value, "diff": one.diff, "tried": tried}
        yield {"card": one.card, "why": one.why, **facts}
