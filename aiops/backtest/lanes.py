"""From a folder of recordings (`series/`, `limits.json`, `labels.json`) to lanes. Bad input names file and place.

A recording is surveyed first, file by file, so that every mistake is found before anything is replayed and no more than
one file is in memory; whoever replays a lane reads its file again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from aiops.backtest.annexes import BEFORE_ALL, LimitRule, ignored_keys, read_limits, read_train_ends
from aiops.backtest.replay import Lane, on_grid
from aiops.core.errors import FileError, Mistake
from aiops.core.records import Ints
from aiops.telemetry.recording import Recording, read_table

HOUR, DAY = 3600, 86400
STEPS = (
    [s for s in range(1, 300) if 300 % s == 0] + [s for s in range(300, HOUR + 1) if HOUR % s == 0]
    + [h * HOUR for h in (2, 3, 4, 6, 8, 12, 24)]
)  # fmt: skip
"""Steps on which buckets of every resolution meet; beyond a day: whole days."""
REGULAR = 0.8
"""Samples of which this share is the same distance apart keep that as their step if it divides an hour."""
CELLS, CELLS_A_SAMPLE = 20_000_000, 50
"""A grid may have this many places, or this many for each sample: more is one wrong time, not a recording with gaps."""
TURNS = 1_000_000
"""So many turns a recording may take with more than CELLS_A_SAMPLE for each of its rows: two years of minutes."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entity of a recording: where it is read from and how large it is on its grid (`metrics` x `columns`)."""

    entity: str
    path: Path
    step_s: int
    metrics: int
    columns: int
    emit_from_s: int = BEFORE_ALL
    limits: Mapping[str, LimitRule] = field(default_factory=dict)

    def load(self) -> Lane:
        """Read its file onto the grid."""
        _, time_s, metrics, values = read_table(self.path)
        start, grid = on_grid(time_s, values, self.step_s)
        return Lane(self.entity, tuple(metrics), start, self.step_s, grid, self.emit_from_s, self.limits)


@dataclass(frozen=True, slots=True)
class Survey:
    """The entities of a recording, by name, and what was left out of account and why."""

    entries: tuple[Entry, ...]
    notes: tuple[str, ...]


def survey(folder: Path) -> Survey:
    """Look at every file of a recording. Raises FileError with every mistake when something is wrong with it."""
    if not (folder / "series").is_dir():
        raise FileError([Mistake(str(folder), 1, 1, "", "no folder series/ in it; --data takes a recording folder")])
    limits, train_ends = read_limits(folder), read_train_ends(folder)
    entries: dict[str, Entry] = {}
    mistakes: list[Mistake] = []
    notes: list[str] = []
    for path in Recording.load(folder).files():
        try:
            entry = _entry(path, limits.get(path.stem, {}), train_ends.get(path.stem, BEFORE_ALL), folder)
            if path.stem in entries:
                raise _bad(path, f"holds the same entity as {entries[path.stem].path.name}")
        except FileError as e:
            mistakes += e.mistakes
            continue
        if entry is None:
            notes.append(f"{path}: no rows, left out")
        else:
            entries[entry.entity] = entry
    if mistakes:
        raise FileError(mistakes)
    if not entries:
        raise _bad(folder / "series", "no series in it")
    unknown = sorted(set(limits) - set(entries))
    notes += [f"{folder / 'limits.json'}: {entity}: no series of this entity, its limits are not used" for entity in unknown]
    notes += ignored_keys(folder, limits)
    return Survey(tuple(entries[name] for name in sorted(entries)), tuple(notes))


def _entry(path: Path, limits: Mapping[str, LimitRule], emit_from_s: int, folder: Path) -> Entry | None:
    if path.suffix not in (".parquet", ".csv"):
        raise _bad(path, "a backtest reads Parquet and CSV")
    try:
        os.fsencode(path.stem).decode()
    except UnicodeDecodeError as e:
        raise _bad(path, "its name, which is the entity's, is not UTF-8") from e
    entity, time_s, metrics, values = read_table(path)
    if not metrics:
        raise _bad(path, "has no column beside `time`")
    unknown = sorted(set(limits) - set(metrics))
    if unknown:
        what = f"no column of that name in {path.name}; it has {', '.join(metrics[:5])}"
        raise FileError([Mistake(str(folder / "limits.json"), 1, 1, f"{entity}.{name}", what) for name in unknown])
    if not len(time_s):
        return None
    step_s = step_of(time_s)
    return Entry(entity, path, step_s, len(metrics), _columns(path, time_s, step_s, values.size), emit_from_s, limits)


def step_of(time_s: Ints) -> int:
    """The replay step for samples at `time_s` (t,), ascending: the usual distance, rounded down to one of STEPS or whole days.

    A step a little shorter than the samples' leaves gaps, a longer one would lose samples; up to 5 % are rounded up. Samples that
    are regular and a part of an hour apart keep their distance: every turn is at one of them.

    >>> import numpy as np
    >>> [step_of(d * np.arange(9)) for d in (7, 59, 60, 61, 90, 7000, 200000)]
    [6, 60, 60, 60, 90, 7200, 172800]
    """
    apart = np.diff(time_s) if len(time_s) > 1 else np.array([60])
    middle = int(np.median(apart))
    if middle > 0 and HOUR % middle == 0 and np.mean(apart == middle) >= REGULAR:
        return middle
    usual = float(np.median(apart)) * 1.05
    if usual >= 2 * DAY:
        return int(usual // DAY) * DAY
    return max(step for step in STEPS if step <= max(usual, 1.0))


def _columns(path: Path, time_s: Ints, step_s: int, samples: int) -> int:
    first, last = int(time_s[0]), int(time_s[-1])
    columns = -(-(last - first) // step_s) + 1
    metrics = samples // len(time_s)
    if metrics * columns > max(CELLS, CELLS_A_SAMPLE * samples) or columns > max(TURNS, CELLS_A_SAMPLE * len(time_s)):
        gap = int(np.argmax(np.diff(time_s)))
        message = f"its {len(time_s)} rows span {columns} steps of {step_s} s: is a time wrong? The largest gap is"
        raise _bad(path, f"{message} from {int(time_s[gap])} to {int(time_s[gap + 1])}")
    return columns


def _bad(path: Path, message: str) -> FileError:
    return FileError([Mistake(str(path), 1, 1, "", message)])
