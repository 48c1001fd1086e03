"""`aiops backtest` over cards: read once, replay in order, and hold the baselines against us on the same series."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from aiops.backtest import ordered
from aiops.backtest.baselines import LONGEST_S
from aiops.backtest.contest import OURS, Standing, Told, contested, standings, total
from aiops.backtest.ground import Ground
from aiops.backtest.ordered import Course
from aiops.backtest.past import PastSource
from aiops.backtest.question import Question, close, read_all, rooms_of
from aiops.backtest.shares import recorded
from aiops.backtest.shown import AT_MOST, Shown, Usual, chosen, shown
from aiops.backtest.tape import played
from aiops.core.durations import rfc3339
from aiops.core.errors import FileError, Mistake
from aiops.core.labels import key
from aiops.core.text import several
from aiops.outcomes.incidents import Incident, incidents_of
from aiops.pipeline import Rooms, Watch
from aiops.store.codec import to_json

READ, FORECAST, ORDERED = 0.2, 0.4, 0.35
"""Which shares of the work these are, for the bar."""
Progress = Callable[[float, str], None]


@dataclass(slots=True)
class Comparison:
    """What came out: a line for each card and method, the same over all cards, and what there is to show of it."""

    told: list[Told]
    since_s: int
    until_s: int
    turns: int = 0
    courses: list[Course] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def lines(self) -> list[Standing]:
        """By card, ours first."""
        return standings(self.told)

    @property
    def whole(self) -> list[Standing]:
        """Over all cards."""
        return total(self.told)

    @property
    def about(self) -> list[str]:
        """What was replayed, in sentences."""
        series = sum(one.series for one in self.told if one.method == OURS)
        cards = len({one.card for one in self.told})
        span = f"{rfc3339(self.since_s)} to {rfc3339(self.until_s)}"
        return [f"{several(cards, 'card')} on {series} series, {self.turns} turns, {span}.", *self.notes]

    def outcome_lines(self) -> Iterator[bytes]:
        """Every verdict on our warnings and every failure that was missed, as the store writes them, by when they were given;
        those of a card's challenger under its name."""
        mine = (o for one in self.told if one.method in (OURS, ordered.CHALLENGED) for o in one.outcomes)
        for outcome in sorted(mine, key=lambda o: (o.settled_s, o.card, o.warning_id, key(o.entity))):
            yield orjson.dumps(to_json(outcome)) + b"\n"

    def warning_lines(self) -> Iterator[bytes]:
        """Every warning with its verdict, and every failure that was missed, as JSON, by the time they opened or came."""
        rows = [
            (e.opened.opened_s, e.opened.id, {"warning": to_json(e.last), "outcome": e.outcome and to_json(e.outcome)})
            for one in self.courses for e in one.episodes.values()
        ]  # fmt: skip
        missed = (o for one in self.told for o in one.outcomes if one.method == OURS and not o.warning_id)
        rows += [(o.failed_s or 0, key(o.entity), {"warning": None, "outcome": to_json(o)}) for o in missed]
        for _, _, row in sorted(rows, key=lambda one: one[:2]):
            yield orjson.dumps(row) + b"\n"


def compare(
    asked: Question, folder: Path, workers: int = 1, progress: Progress = lambda share, what: None, keeps: bool = False,
    pictures: bool = False,
) -> Comparison:  # fmt: skip
    """Replay what was asked and compare; the result is the same for any number of workers.

    `folder` takes what is read and, with `keeps`, everything that a later run need not do again; `pictures`: there is something
    to show of warnings. Raises FileError, SourceError, BadQuestion.
    """
    rooms = rooms_of(asked, folder)
    try:
        return _compared(rooms, asked, folder, workers, progress, keeps, pictures)
    finally:
        for watch in rooms.watches:
            played(watch)
        close(rooms)


def declared_in(path: Path | None, now_s: float) -> list[Incident]:
    """The incidents of a file, see `incidents_of`. Raises FileError."""
    if path is None:
        return []
    try:
        return incidents_of(path.read_bytes(), now_s)
    except OSError as e:
        raise FileError([Mistake(str(path), 1, 1, "", f"cannot be read: {e.strerror}")]) from e
    except ValueError as e:
        raise FileError([Mistake(str(path), 1, 1, "", str(e))]) from e


def _compared(
    rooms: Rooms, asked: Question, folder: Path, workers: int, progress: Progress, keeps: bool, pictures: bool
) -> Comparison:
    incidents = declared_in(asked.incidents, asked.until_s)
    watches = read_all(rooms, lambda share: progress(READ * share, "reading the past"))
    notes = [f"{watch.name}: no series" for watch in rooms.watches if watch not in watches]
    for link in rooms.links.values():
        if isinstance(link.source, PastSource):
            notes += [f"{link.name}: {note}" for note in link.source.notes]
    notes += [f"mask {name}: {why}" for name, why in rooms.masks.troubles(asked.until_s).items()]
    since = max(asked.since_s, min(_oldest(watch) for watch in watches)) if watches else asked.since_s
    if workers > 1 or keeps:  # what is recorded outlives a kill, whoever recorded it
        recorded(asked, folder, watches, since, workers, lambda share: progress(READ + FORECAST * share, "forecasting"))
    usual = Usual()
    passed = ordered.run(
        rooms, watches, since, asked.until_s, incidents, lambda share: progress(READ + FORECAST + ORDERED * share, "replaying"),
        usual.looked if pictures else lambda _, __: None,
    )  # fmt: skip
    turns = sum(course.turns for course in passed.courses)
    found = Comparison([], since, asked.until_s, turns, passed.courses, notes=notes + passed.notes)
    for i, course in enumerate(passed.courses):
        ground = _ground(course, rooms, since, asked.until_s)
        mine, failures = ordered.ours(course, passed.outcomes, ground), ordered.declared(rooms, course)
        judged = course.watch.card.alerts is None and not course.watch.card.challenges
        others = contested(ground, failures) if judged else []
        found.told += [mine, *others]
        missed = [one for one in mine.outcomes if not one.warning_id]
        if pictures:
            bands = usual.of(course.watch, ground, _strange(course, ground))
            found.shown = chosen([*found.shown, *shown(ground, course.episodes.values(), missed, failures, others, bands)])
        progress(1 - (1 - READ - FORECAST - ORDERED) * (1 - (i + 1) / len(passed.courses)), "judging baselines")
    return found


def _strange(course: Course, ground: Ground) -> list[int]:
    """The rows that led a warning of what is unlike usual, those of the first warnings."""
    rows = {key(labels): row for row, labels in enumerate(ground.labels)}
    led = [rows.get(key(one.opened.labels)) for one in course.episodes.values() if one.opened.kind == "anomaly"]
    return list(dict.fromkeys(row for row in led if row is not None))[:AT_MOST]


def _oldest(watch: Watch) -> int:
    found = [feed.link.source.oldest_s() for feed in watch.feeds]
    return min(at for at in found if at is not None)


def _ground(course: Course, rooms: Rooms, since_s: int, until_s: int) -> Ground:
    """The ground of a course, reaching back as far as baselines look and there is anything."""
    before = min(LONGEST_S, max(0, since_s - _oldest(course.watch)))
    return ordered.ground_of(course, rooms, since_s, until_s, before)

