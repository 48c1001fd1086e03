"""What a card will cost, before it is switched on: measured on the real sources by the very turns it will take.

A card is given a window of its own in a folder that is thrown away. Its first turn reads what the first turn of the daemon
would read; then it takes the turns of one forecasting cycle at the newest instants. What those cost is what the next ones will
cost: the estimate is a measurement of the same code on the same machine, not a formula. What is not done now, which is reading
older history, is counted from what was read.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aiops.config.settings import Limits, Settings
from aiops.core import compiled
from aiops.core.errors import SourceError
from aiops.models import spread
from aiops.models.card import ModelCard, with_challengers
from aiops.pipeline import keep
from aiops.pipeline.assemble import make_watch
from aiops.pipeline.backfill import TURN_SAMPLES, missing
from aiops.pipeline.changes import BatchJournal
from aiops.pipeline.plane import groups, open_links
from aiops.pipeline.rooms import Rooms
from aiops.pipeline.turn import turn
from aiops.pipeline.watch import Watch
from aiops.store import Store
from aiops.telemetry.link import AWAY

TURNS_AT_LEAST, TURNS_AT_MOST = 4, 30
OUTPUT_SERIES = 14
"""Time series that one card adds to /metrics, whatever it watches; see docs/metrics.md."""


@dataclass(frozen=True, slots=True)
class CardPlan:
    """The cost of one card on its sources of one step. Bytes of answers are decoded bytes. `refused`: limits it would break.

    `backfill_s`: seconds until older history is read, at one chunk a turn. `shares`: another card asks for the same, so its
    queries and bytes are counted there. `lacking`: labels of its entity that none of its series has.
    """

    card: str
    sources: tuple[str, ...]
    step_s: int
    series: int = 0
    points_a_turn: int = 0
    bytes_a_turn: int = 0
    cpu_s_a_turn: float = 0.0
    first_cpu_s: float = 0.0
    queries_a_minute: float = 0.0
    memory_bytes: int = 0
    disk_bytes: int = 0
    history_s: int = 0
    backfill_samples: int = 0
    backfill_bytes: int = 0
    backfill_s: int = 0
    output_series: int = OUTPUT_SERIES
    shares: str = ""
    refused: tuple[str, ...] = ()
    unreachable: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}


@dataclass(slots=True)
class Plan:
    """All cards' costs, what they come to together, and what of the configuration's limits they would break."""

    cards: list[CardPlan] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def total(self) -> dict[str, Any]:
        """The sums; CPU as a share of one core."""
        own = [c for c in self.cards if not c.shares]
        return {
            "series": sum(c.series for c in self.cards), "points_a_turn": sum(c.points_a_turn for c in own),
            "bytes_a_minute": sum(c.bytes_a_turn * 60 / c.step_s for c in own),
            "cores": sum(c.cpu_s_a_turn / c.step_s for c in self.cards), "queries_a_minute": sum(c.queries_a_minute for c in own),
            "memory_bytes": sum(c.memory_bytes for c in self.cards), "disk_bytes": sum(c.disk_bytes for c in self.cards),
            "backfill_samples": sum(c.backfill_samples for c in own), "output_series": sum(c.output_series for c in self.cards),
            "refused": [*self.refused, *(f"{c.card}: {why}" for c in self.cards for why in c.refused)],
        }  # fmt: skip


def make_plan(
    settings: Settings, cards: Sequence[ModelCard], now_s: float, only: Collection[str] = (),
    mark: Callable[[float], None] = lambda _: None,
) -> Plan:  # fmt: skip
    """The plan of these cards on the configuration's sources, or on those of `only`; `mark` is told the share that is done."""
    chosen = {name: one for name, one in settings.sources.items() if not only or name in only}
    compiled.allow(settings.data_dir / "compiled" if settings.data_dir.is_dir() else None)
    plan, asked = Plan(), dict[tuple[str, int, tuple[str, ...]], str]()
    store = Store.open("sqlite://", None)
    rooms = Rooms(store, BatchJournal(store), marks_turns=False)
    rooms.links = {n: link for n, link in open_links(settings, rooms.gate, time.monotonic).items() if n in chosen}
    work = [(card, step, names) for card in with_challengers(cards) for step, names in groups(settings, card, chosen)]
    try:
        for i, (card, step, names) in enumerate(work):
            one = _measured(rooms, card, step, names, int(now_s), settings.limits)
            first = asked.setdefault((_asks(card), step, tuple(names)), card.name)
            plan.cards.append(one if first == card.name else _sharing(one, first))
            mark((i + 1) / len(work))
    finally:
        for link in rooms.links.values():
            link.close()
        store.close()
    plan.refused = list(_broken(plan, settings.limits))
    return plan


def _asks(card: ModelCard) -> str:
    """What a card asks its sources for, as a text that other cards' may be equal to."""
    return card.query if card.alerts is None else f"{card.query} {sorted(map(str, card.alerts.match))}"


def _sharing(one: CardPlan, other: str) -> CardPlan:
    facts = asdict(one) | {"shares": other, "queries_a_minute": 0.0, "bytes_a_turn": 0, "backfill_bytes": 0}
    return CardPlan(**facts)


def _measured(rooms: Rooms, card: ModelCard, step: int, names: Sequence[str], now_s: int, limits: Limits) -> CardPlan:
    links = [rooms.links[name] for name in names]
    cycle = max(TURNS_AT_LEAST, min(spread.LOOK_EVERY_S // step if step >= 60 else 1, TURNS_AT_MOST))
    first = now_s // step * step - (cycle + 1) * step
    with TemporaryDirectory(prefix="aiops-plan-") as folder:
        memory = _anonymous()
        watch = make_watch(card, links, step, Path(folder))
        watch.join = rooms.gate.joined
        began, spent = _cpu(), _spent(watch)
        result = turn(watch, first, rooms)
        first_cpu, read = _cpu() - began, _less(_spent(watch), spent)
        keep.save(watch, Path(folder))  # the first one writes all of history, later ones what is new
        compiled.settle()  # a daemon has them by then
        if result.error is not None:
            return _failed(card, names, step, result.failed, result.error)
        for i in range(cycle + 1):
            if i <= 1:  # the first of them still meets label sets that its way of reading does not know
                began, spent = _cpu(), _spent(watch)
            result = turn(watch, first + (i + 1) * step, rooms)
            if result.error is not None:
                return _failed(card, names, step, result.failed, result.error)
        used, newest = (_cpu() - began) / cycle, _less(_spent(watch), spent)
        began = _cpu()
        keep.save(watch, Path(folder))
        used += (_cpu() - began) * min(1.0, step / keep.SAVE_EVERY_S)
        return _counted(watch, names, cycle, first_cpu, used, read, newest, _anonymous() - memory, limits)


def _counted(
    watch: Watch, names: Sequence[str], turns: int, first_cpu: float, used: float, read: Mapping[str, float],
    newest: Mapping[str, float], memory: int, limits: Limits,
) -> CardPlan:  # fmt: skip
    window, step = watch.window, watch.step_s
    assert window.folder is not None
    disk = sum(path.stat().st_size for path in window.folder.iterdir())
    behind = missing(watch)
    samples = read["samples"] + behind // step * watch.n
    each = read["bytes"] / read["samples"] if read["samples"] else 0.0
    refused = []
    for name, cap, found in (("series", limits.series, watch.n), ("bytes", limits.bytes, newest["bytes"] / turns)):
        if found > cap:
            refused.append(f"limits.{name} is {cap}, one answer has {found:.0f}; narrow the query, or raise the limit")
    return CardPlan(
        watch.card.name, tuple(names), step, series=watch.n, points_a_turn=round(newest["samples"] / turns),
        bytes_a_turn=round(newest["bytes"] / turns), cpu_s_a_turn=used, first_cpu_s=first_cpu,
        queries_a_minute=newest["queries"] / turns * 60 / step, memory_bytes=max(memory, 0), disk_bytes=disk,
        history_s=window.end_s - window.begin_s + behind, backfill_samples=round(samples),
        backfill_bytes=round(samples * each), backfill_s=-(-(behind // step * watch.n) // TURN_SAMPLES) * step,
        refused=tuple(refused),
        unreachable=tuple(f"{name}: {error.kind}: {error.message}" for name, error in watch.failed.items()),
        lacking=watch.lacking_labels(),
    )  # fmt: skip


def _failed(card: ModelCard, names: Sequence[str], step: int, failed: Mapping[str, SourceError], error: SourceError) -> CardPlan:
    """A card that cannot be read: refused by what it is asked for, or its sources are away."""
    away = tuple(f"{name}: {e.kind}: {e.message}" for name, e in failed.items() if e.kind in AWAY)
    refused = () if away else (f"{error.kind}: {error.message}",)
    return CardPlan(card.name, tuple(names), step, refused=refused, unreachable=away)


def _broken(plan: Plan, limits: Limits) -> Iterator[str]:
    """Limits of the whole that the cards together would break."""
    found = plan.total()
    caps = (("memory", limits.memory, found["memory_bytes"]), ("total_series", limits.total_series, found["series"]))
    for name, most, value in caps:
        if most is not None and value > most:
            yield f"limits.{name} is {most}, all cards together need {value}; leave a card out, or raise it"
    if limits.queries_per_minute is None:
        return
    for source in dict.fromkeys(name for c in plan.cards for name in c.sources):
        asked = sum(c.queries_a_minute / len(c.sources) for c in plan.cards if source in c.sources and not c.shares)
        if asked > limits.queries_per_minute:
            cap = f"limits.queries_per_minute is {limits.queries_per_minute}"
            yield f"{cap}, {source} would be asked {asked:.1f} times a minute; a longer step asks less"


def _spent(watch: Watch) -> dict[str, float]:
    totals = [feed.link.source.spent for feed in watch.feeds]
    return {name: float(sum(getattr(one, name) for one in totals)) for name in ("queries", "samples", "bytes")}


def _less(after: Mapping[str, float], before: Mapping[str, float]) -> dict[str, float]:
    return {name: after[name] - before[name] for name in after}


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _anonymous() -> int:
    """Bytes of anonymous memory of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024
    return 0
