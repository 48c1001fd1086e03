"""The one ordered pass: every card's turns in time order, as the daemon has them, and what came of each warning.

Grouping, calibration and settlement look at all series together, so they happen here and nowhere else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from aiops.backtest.contest import OURS, Told
from aiops.backtest.ground import Ground
from aiops.backtest.observe import Episode
from aiops.backtest.question import grid, set_clock
from aiops.core.labels import has_all, key
from aiops.core.records import FORETELLING, EarlyWarning, Ints, Outcome
from aiops.outcomes.incidents import Incident, claimed
from aiops.outcomes.settle import Failure, again
from aiops.pipeline import Rooms, TurnResult, Watch, limits, turn
from aiops.pipeline.beyond import REARM_STEPS
from aiops.pipeline.desk import SAME_FAILURE_S, Desk
from aiops.pipeline.mask import masked_at, may_mask
from aiops.pipeline.mask_rows import own_name

WHO, CHALLENGED = "backtest", "challenger"
CHUNK_COLUMNS = 1440
WARNINGS_AT_MOST = 10**7
TURNS_A_MARK = 64


@dataclass(slots=True)
class Course:
    """What one watch went through: its warnings as they opened, went on and ended, and when what failed."""

    watch: Watch
    episodes: dict[str, Episode] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    turns: int = 0

    def hear(self, result: TurnResult) -> None:
        """Take in one turn."""
        self.turns += 1
        for event in result.events:
            if event.kind == "crossing":
                if self.watch.card.truth.crossing:
                    truth = "crossing"
                    self.failures.append(
                        Failure(self.watch.card.name, event.detail["entity"], int(event.detail["crossed_s"]), truth)
                    )
            elif event.warning is not None and _foretells(event.warning):
                episode = self.episodes.setdefault(event.warning.id, Episode(event.warning, event.warning))
                episode.last = event.warning
                c = event.warning.crossing
                if c is not None and event.kind in ("opened", "updated", "worsened"):
                    told = (float(result.now_s), c.earliest_s, c.expected_s, c.latest_s)
                    if not episode.told or episode.told[-1][1:] != told[1:]:
                        episode.told.append(told)


def _foretells(warning: EarlyWarning) -> bool:
    return warning.kind in FORETELLING and not warning.members


@dataclass(slots=True)
class Passed:
    """What came out of a pass: a course for each watch, and every outcome that stands at its end."""

    courses: list[Course]
    outcomes: list[Outcome]
    notes: list[str] = field(default_factory=list)


def run(
    rooms: Rooms, watches: Sequence[Watch], since_s: int, until_s: int, incidents: Sequence[Incident] = (),
    mark: Callable[[float], None] = lambda _: None, looked: Callable[[Watch, TurnResult], None] = lambda _, __: None,
) -> Passed:  # fmt: skip
    """Take all turns of [since_s, until_s] in order; what is declared is heard when it happened, and that it is over when it was.
    `looked` sees each turn."""
    courses = {id(watch): Course(watch) for watch in watches}
    turns = grid(watches, since_s, until_s)
    waiting = deque(_told([one for one in incidents if one.at_s >= since_s]))  # of what was before nobody could warn
    desk = Desk(rooms.store, [watch.card for watch in watches])
    failed: dict[str, str] = {}
    for i, (now, some) in enumerate(turns):
        set_clock(rooms, now)
        while waiting and waiting[0][0] <= now:
            desk.incident(waiting.popleft()[1], WHO, now)
        rooms.masks.refresh(now)
        for watch in some:
            result = turn(watch, now, rooms)
            if result.error is not None:
                failed[watch.name] = str(result.error)
            courses[id(watch)].hear(result)
            looked(watch, result)
        if i % TURNS_A_MARK == 0:
            mark(i / len(turns))
    rooms.journal.flush()
    rooms.masks.leave_out_verdicts()  # ours: what others say of the same time is held against what failed
    mark(1.0)
    return Passed(list(courses.values()), _settled(rooms, courses.values()), [f"{n}: {why}" for n, why in failed.items()])


def _told(incidents: Sequence[Incident]) -> list[tuple[int, Incident]]:
    """(when it is told, what) in order: that it began, and later that it is over."""
    began = [(one.at_s, replace(one, end_s=None)) for one in incidents]
    over = [(max(one.at_s, one.end_s), one) for one in incidents if one.end_s is not None]
    return sorted(began + over, key=lambda pair: (pair[0], pair[1].end_s is not None, pair[1].id))


def _settled(rooms: Rooms, courses: Iterable[Course]) -> list[Outcome]:
    """The verdicts that stand, given to each episode."""
    found = sorted(
        rooms.store.outcomes(limit=WARNINGS_AT_MOST), key=lambda o: (o.settled_s, o.card, o.warning_id, key(o.entity))
    )
    by_id = {o.warning_id: o for o in found if o.warning_id}
    for course in courses:
        for warning_id, episode in course.episodes.items():
            episode.outcome = by_id.get(warning_id)
    return found


def ours(course: Course, outcomes: Sequence[Outcome], ground: Ground) -> Told:
    """Our own line of the table, of one watch; a challenger has one beside that of its card."""
    card, mine = course.watch.card, set(course.episodes)
    entities = {key(one) for one in course.watch.entities}
    of_card = [o for o in outcomes if o.card == card.name]
    judged = [o for o in of_card if o.warning_id in mine or (not o.warning_id and key(o.entity) in entities)]
    opened = [one.opened for one in course.episodes.values()]
    method = CHALLENGED if card.challenges else OURS
    return Told(own_name(card), method, opened, judged, len(ground.values), ground.series_seconds)


def declared(rooms: Rooms, course: Course) -> list[Failure]:
    """Crossings, alerts and incidents that are a failure to a card; what two of them say of one entity within an hour is one, and
    so is what one says again within REARM_STEPS steps."""
    card = course.watch.card
    said = [
        claimed(Incident(one.body["id"], one.body["system"], one.body["labels"], int(one.body["at_s"])), card.name, card.entity,
                (card.truth.incidents, card.truth.alerts))
        for one in rooms.store.statements(kind="incident") if "id" in one.body
    ]  # fmt: skip
    found = sorted([*course.failures, *(one for one in said if one is not None)], key=lambda one: (one.at_s, key(one.entity)))
    out, again_s = list[Failure](), REARM_STEPS * card.step_s
    for one in found:
        near = [other for other in out if one.at_s - other.at_s <= SAME_FAILURE_S]
        told = any(
            has_all(other.entity, one.entity) or has_all(one.entity, other.entity) for other in near if other.truth != one.truth
        )
        goes_on = one.truth != "crossing" and any(again(one, two.truth, two.entity, two.at_s, again_s) for two in near)
        if not told and not goes_on:
            out.append(one)
    return out


def ground_of(course: Course, rooms: Rooms, since_s: int, until_s: int, before_s: int) -> Ground:
    """What the turns of a watch went over, and `before_s` of what was before, through the links that they asked."""
    watch, step = course.watch, course.watch.step_s
    first, last = -(-(since_s - before_s) // step) * step, until_s // step * step
    time_s = np.arange(first, last + 1, step, dtype=np.int64)
    values = np.full((watch.n, len(time_s)), np.nan)
    for at in range(0, len(time_s), CHUNK_COLUMNS):
        some = time_s[at : at + CHUNK_COLUMNS]
        values[:, at : at + len(some)] = _read(watch, int(some[0]), int(some[-1]))
    masked = np.zeros(values.shape, bool) if may_mask(watch) else None
    if masked is not None:
        for at in range(0, len(time_s), CHUNK_COLUMNS):
            masked[:, at : at + CHUNK_COLUMNS] = masked_at(watch, time_s[at : at + CHUNK_COLUMNS])
    limit = watch.limit.value[:, None] if watch.forecaster is not None else np.full((watch.n, 1), np.nan)
    if watch.limit_query:
        parts = np.split(time_s, range(CHUNK_COLUMNS, len(time_s), CHUNK_COLUMNS))
        limit = np.concatenate([_limits(watch, some) for some in parts], axis=1)
    above = watch.limit.above if watch.forecaster is not None else np.ones(watch.n, bool)
    return Ground(
        watch.card.name, watch.card.signal, step, watch.horizon_s, time_s, values, watch.window.labels[: watch.n],
        watch.entity_of, watch.entities, limit, above, masked, int((-(-since_s // step) * step - first) // step),
        bool(rooms.routes),
    )  # fmt: skip


def _limits(watch: Watch, time_s: Ints) -> NDArray[np.float64]:
    """(n, t) what the query of the limit said, the preferred feed first."""
    out = np.full((watch.n, len(time_s)), np.nan)
    for number in watch.preferred:
        feed = watch.feeds[number]
        piece = feed.link.ask(watch.limit_query, int(time_s[0]), int(time_s[-1]), watch.step_s, watch.card.unit)
        out = np.where(np.isfinite(out), out, limits.over(watch, piece, feed))
    return out


def _read(watch: Watch, start_s: int, end_s: int) -> NDArray[np.float64]:
    """(n, t) what the feeds of a watch say, the preferred first."""
    out = np.full((watch.n, (end_s - start_s) // watch.step_s + 1), np.nan)
    for number in watch.preferred:
        piece = watch.feeds[number].link.ask(watch.card.query, start_s, end_s, watch.step_s, watch.card.unit)
        rows = watch.window.rows_for(piece.labels) if piece.labels else np.zeros(0, np.int64)
        for at, values in piece.layers:
            mine = rows if at is None else rows[at]
            known = mine < len(out)
            some = out[mine[known]]
            out[mine[known]] = np.where(np.isfinite(some), some, values[known])
    return out

