"""`aiops plan`: what cards cost before they are switched on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from aiops.config.settings import Settings
from aiops.core.durations import text
from aiops.core.errors import AiopsError
from aiops.core.quantity import in_bytes
from aiops.core.text import visible
from aiops.models.card import load_cards
from aiops.pipeline.plan import CardPlan, Plan, make_plan

HEADS = (
    "card", "on", "series", "points/turn", "answer", "CPU/turn", "cores", "queries/min", "memory", "disk", "history",
    "first read", "out",
)  # fmt: skip


def plan_of(settings: Settings, files: Sequence[Path], only: Sequence[str], mark: Callable[[float], None]) -> Plan:
    """The plan of the cards in `files`, or of all of the configuration. Raises AiopsError for a source that there is not."""
    unknown = [name for name in only if name not in settings.sources]
    if unknown:
        raise AiopsError(f"no source {unknown[0]!r}; known: {', '.join(settings.sources)}")
    return make_plan(settings, load_cards(files or settings.card_paths), time.time(), only, mark)


def exit_code(plan: Plan) -> int:
    """0 = it fits, 1 = a limit would break, 3 = a source could not be reached."""
    if plan.total()["refused"]:
        return 1
    return 3 if any(one.unreachable for one in plan.cards) else 0


def as_objects(plan: Plan) -> Iterator[dict[str, Any]]:
    """One object a card, and one for all of them together."""
    yield from (one.as_json() for one in plan.cards)
    yield {"total": plan.total()}


def as_lines(plan: Plan) -> Iterator[str]:
    """A table for people, what it comes to, and what would be refused."""
    rows = [HEADS, *(_row(one) for one in plan.cards)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADS))]
    for row in rows:
        first = (cell.ljust(width) for cell, width in zip(row[:2], widths, strict=False))
        yield "  ".join([*first, *(cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True))]).rstrip()
    total = plan.total()
    yield ""
    yield (
        f"together: {total['series']} series, {total['cores']:.3f} cores, {total['queries_a_minute']:.1f} queries a minute, "
        f"{in_bytes(total['bytes_a_minute'])} of answers a minute, {in_bytes(total['memory_bytes'])} of memory, "
        f"{in_bytes(total['disk_bytes'])} on disk, {total['output_series']} series in /metrics"
    )
    for one in plan.cards:
        if one.shares:
            yield f"{one.card} asks what {one.shares} asks: it is read once"
        if one.backfill_s:
            yield f"{one.card}: older history comes in later turns, in about {text(one.backfill_s)}"
        if not (one.series or one.unreachable or one.refused):
            yield f"no series: {one.card} on {', '.join(one.sources)}: its query finds nothing there"
        if one.lacking:
            yield f"no label: no series of {one.card} has {', '.join(one.lacking)}, of which its entity is made"
        for why in one.unreachable:
            yield f"unreachable: {one.card} on {visible(why)}"
    for why in total["refused"]:
        yield f"refused: {visible(why)}"


def _row(one: CardPlan) -> tuple[str, ...]:
    return (
        one.card, ",".join(one.sources), str(one.series), str(one.points_a_turn), in_bytes(one.bytes_a_turn),
        f"{1000 * one.cpu_s_a_turn:.1f} ms", f"{one.cpu_s_a_turn / one.step_s:.4f}", f"{one.queries_a_minute:.2f}",
        in_bytes(one.memory_bytes), in_bytes(one.disk_bytes), text(one.history_s), in_bytes(one.backfill_bytes),
        str(one.output_series),
    )  # fmt: skip
