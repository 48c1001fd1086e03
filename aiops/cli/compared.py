"""What `aiops cards compare` says: two records side by side, which is better, and what then to write."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiops.models.card import ModelCard
    from aiops.models.card_parts import Choice, DetectRule, ForecastRule
    from aiops.outcomes.challenge import Comparison, Share, Side

KEYS = ("forecast", "detect")
SHOWN = 60
"""Characters of a value that are shown."""


def changes(card: ModelCard) -> dict[str, Any]:
    """What the challenger would have in the card, by the place where it stands."""
    tried = {key: getattr(card.challenger, key) for key in KEYS}
    return {key: {"model": one.model, "params": one.params} for key, one in tried.items() if one is not None}


def as_object(card: ModelCard, told: Comparison | None) -> dict[str, Any]:
    """Plain values; `answer` is `open` where nothing was judged yet."""
    found = {"answer": "open", "why": []} if told is None else told.as_json()
    return {"card": card.name, **found, "write": changes(card) if found["answer"] == "better" else {}}


def lines(card: ModelCard, told: Comparison | None, now_s: float) -> Iterator[str]:
    """The comparison for people."""
    from aiops.core.durations import text

    tried = {key: getattr(card.challenger, key) for key in KEYS}
    models = [_against(getattr(card, key), one) for key, one in tried.items() if one is not None]
    if told is None:
        yield f"{card.name}: {', '.join(models)}; nothing that the challenger said was judged yet, as far back as --since goes"
        return
    yield f"{card.name}: {', '.join(models)}; what both were judged on in the last {text(now_s - told.since_s)}"
    yield from _table(told)
    yield _answer(told)
    if told.answer == "better":
        yield f"write into {card.path}, and take `challenger` out:"
        for key, place in changes(card).items():
            yield from (f"  {key}.{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in place.items())
    elif told.answer == "worse":
        yield "leave the card as it is; take `challenger` out, or try another model"


def _against(one: ForecastRule | DetectRule, other: Choice) -> str:
    """Two models by their names; of one and the same what differs."""
    from aiops.core.text import visible

    def said(name: str) -> str:
        found = (json.dumps(p[name], ensure_ascii=False) if name in p else "by default" for p in (one.params, other.params))
        return f"{name} {' against '.join(visible(value, SHOWN) for value in found)}"

    if one.model != other.model:
        return f"{one.model} against {other.model}"
    names = sorted({*one.params, *other.params})
    differ = [said(name) for name in names if one.params.get(name, ...) != other.params.get(name, ...)]
    return f"{one.model} with {', '.join(differ) or 'the same parameters'}"


def _table(told: Comparison) -> Iterator[str]:
    from aiops.core.durations import text

    def lead(side: Side) -> str:
        return "-" if side.record.median_lead_s is None else text(side.record.median_lead_s)

    one, other = told.champion, told.challenger
    yield f"  {'':26}{'CHAMPION':26}{'CHALLENGER':26}DIFFERENCE (90%)"
    rows = [
        ("came true", _share(one.precision), _share(other.precision), _gap(told.precision, one.precision, other.precision)),
        ("failures foretold", _share(one.recall), _share(other.recall), _gap(told.recall, one.recall, other.recall)),
        ("median lead of hits", lead(one), lead(other), ""),
        ("false a week", f"{one.record.false_per_week:.2g}", f"{other.record.false_per_week:.2g}", ""),
    ]
    for name, first, second, gap in rows:
        yield f"  {name:26}{first:26}{second:26}{gap}".rstrip()


def _share(one: Share) -> str:
    if not one.all:
        return "-"
    low, high = one.bounds
    return f"{one.came} of {one.all} ({low:.0%} to {high:.0%})"


def _gap(found: tuple[float, float, float], one: Share, other: Share) -> str:
    if not one.all or not other.all:
        return "-"
    return f"{found[0]:+.0%} ({found[1]:+.0%} to {found[2]:+.0%})"


def _answer(told: Comparison) -> str:
    if told.answer == "open":
        more = f"; about {told.more} more incidents would decide it, if it goes on like this" if told.more else ""
        return f"not known yet: the difference may be chance{more}"
    said = {"better": "the challenger is better", "worse": "the challenger is worse", "mixed": "neither is better"}[told.answer]
    return f"{said}: {'; '.join(told.why)}"
