"""What detectors said, recorded by workers and played back in the ordered pass: as `tape`, of scores.

Series of one cohort may start from each other, so a cohort is one worker's. What an entity's budget makes of the scores is left
to the ordered pass, for an entity may have series of several workers.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from aiops.core.params import Params
from aiops.core.records import Bools, Floats, Ints, Scores, State
from aiops.models.interface import Detector, Start
from aiops.models.together import Moves
from aiops.pipeline import Watch

ROW = "row"
"""The key of a state that says which rows of the watch it is of."""
PART = ".part"
PARTS = ("p", "expected", "lower", "upper", "recent")


def part_of(path: Path) -> Path:
    """Where a process writes what will be `path` once it is whole: a worker may outlive who started it, and write beside the
    next one."""
    return path.with_name(f"{path.name}.{os.getpid()}{PART}")


def rows_since(watch: Watch, n: int) -> Ints:
    """The numbers of the n newest rows of a watch: those that a state is made for, be it for all rows or for new ones."""
    return np.arange(watch.n - n, watch.n, dtype=np.int64)


def _of_all(moves: Moves, n: int) -> Moves:
    """(n, blocks) how rows moved, of new ones nothing."""
    return moves if len(moves) >= n else np.pad(moves, ((0, n - len(moves)), (0, 0)))


class ScoreRecorder(Detector[Any]):
    """Asks `inner` of one share of the cohorts, and writes down what the watch is told of its newest points."""

    Params = Params

    def __init__(self, inner: Detector[Any], watch: Watch, share: int, shares: int, path: Path) -> None:
        super().__init__(inner.params, inner.step_s)
        self.inner, self.watch, self.share, self.shares, self.path = inner, watch, share, shares, path
        self.starts = None if inner.starts is None else _OwnStart(self, inner.starts)
        self._part = part_of(path)
        self._file = self._part.open("wb")
        self._moves = inner.moves(inner.initial(0))
        self._mine = np.zeros(0, bool)

    def mine(self, rows: Ints) -> Bools:
        """(k,) which of some rows are of this share."""
        if len(self._mine) < self.watch.n:
            number = np.arange(self.watch.n, dtype=np.uint64)
            kind = self.watch.cohorts.kind
            if len(kind) == len(number):
                number = np.where(kind != 0, kind, number)
            self._mine = number % np.uint64(self.shares) == self.share
        found: Bools = self._mine[rows]
        return found

    def initial(self, n: int) -> State:
        """As the inner one's, with the rows' numbers."""
        return self.inner.initial(n) | {ROW: rows_since(self.watch, n)}

    def score(self, state: State, values: Floats, time_s: Ints) -> Scores:
        """What the inner one says of its share; the others are not scored."""
        if len(state[ROW]) == self.watch.n:
            state[ROW][:] = np.arange(self.watch.n)
        some = np.flatnonzero(self.mine(state[ROW]))
        part = {name: array[some] for name, array in state.items() if name != ROW}
        found = self.inner.score(part, values[some], time_s[some])
        for name, array in part.items():
            state[name][some] = array
        whole = np.full((len(PARTS), *values.shape), np.nan)
        recent = found.p if found.recent is None else found.recent
        whole[:, some] = np.stack([found.p, found.expected, found.lower, found.upper, recent])
        if state is self.watch.detector_state:
            self._keep(time_s[0], state[ROW][some], whole[:, some], part)
        return Scores(*whole)

    def _keep(self, time_s: Ints, rows: Ints, scores: NDArray[np.float64], part: State) -> None:
        starts, none = self.inner.starts, np.zeros(len(rows), bool)
        learnt, given = (none, none) if starts is None else (starts.learnt(part), starts.given(part))
        marks = np.stack([learnt, self.inner.stays(part, np.arange(len(rows))), given])
        for array in (time_s, rows, scores, marks, self._moved(rows, part)):
            np.save(self._file, array, allow_pickle=False)

    def _moved(self, rows: Ints, part: State) -> NDArray[np.int32]:
        """(3, k) row, block and move of what is not as it was written down last: one move a row and block."""
        moves = self.inner.moves(part)
        if moves is None or self._moves is None:
            return np.zeros((3, 0), np.int32)
        self._moves = _of_all(self._moves, self.watch.n)
        at, block = np.nonzero(moves != self._moves[rows])
        self._moves[rows] = moves
        return np.stack([rows[at], block, moves[at, block]]).astype(np.int32)

    def at_once(self, time_s: Ints) -> int:
        """As the inner one's: what is written down of a part holds for all of it."""
        return self.inner.at_once(time_s)

    def ready(self, state: State) -> Floats:
        """As the inner one's; nobody waits for the rows of others."""
        return np.where(self.mine(state[ROW]), self.inner.ready(state), 1.0)

    def threshold(self, budget_per_week: float) -> float:
        """As the inner one's."""
        return self.inner.threshold(budget_per_week)

    def save(self) -> None:
        """Close the recording: it is whole then."""
        self._file.close()
        self._part.replace(self.path)


@dataclass(frozen=True, slots=True)
class _OwnStart(Start):
    """How rows of one share start."""

    of: ScoreRecorder
    inner: Start

    def waiting(self, state: State) -> Bools:
        """Those of the share."""
        return self.inner.waiting(state) & self.of.mine(state[ROW])

    def learnt(self, state: State) -> Bools:
        """As the inner one says."""
        return self.inner.learnt(state)

    def start(self, state: State, rows: Ints, members: Ints, time_s: Ints) -> None:
        """As the inner one does."""
        self.inner.start(state, rows, members, time_s)

    def given(self, state: State) -> Bools:
        """As the inner one says."""
        return self.inner.given(state)


@dataclass(slots=True)
class _Tape:
    """One recording, read column by column in the order in which it was written."""

    file: IO[bytes]
    columns: Iterator[tuple[int, Ints, NDArray[np.float64], Bools, NDArray[np.int32]]] = field(init=False)

    def __post_init__(self) -> None:
        self.columns = self._read()

    def _read(self) -> Iterator[tuple[int, Ints, NDArray[np.float64], Bools, NDArray[np.int32]]]:
        while self.file.peek(1):  # type: ignore[attr-defined]
            time_s, rows, scores, marks, moved = (np.load(self.file, allow_pickle=False) for _ in range(5))
            for j, at in enumerate(time_s.tolist()):
                yield at, rows, scores[:, :, j], marks, moved


class ScorePlayer(Detector[Any]):
    """Says what was recorded, column after column. Raises KeyError for a column that nobody recorded."""

    Params = Params

    def __init__(self, inner: Detector[Any], watch: Watch, paths: Sequence[Path]) -> None:
        super().__init__(inner.params, inner.step_s)
        self.inner, self.watch = inner, watch
        self.starts = None if inner.starts is None else _PlayedStart(self)
        self._open = ExitStack()
        self._tapes = [_Tape(self._open.enter_context(path.open("rb"))) for path in paths]
        self._marks = np.zeros((3, 0), bool)
        self._moves = inner.moves(inner.initial(0))

    @property
    def learnt(self) -> Bools:
        """(n,) rows that others could start from."""
        return np.asarray(self._marks[0])

    @property
    def given(self) -> Bools:
        """(n,) rows that are judged by their cohort."""
        return np.asarray(self._marks[2])

    def initial(self, n: int) -> State:
        """Nothing but the rows' numbers."""
        return {ROW: rows_since(self.watch, n)}

    def score(self, state: State, values: Floats, time_s: Ints) -> Scores:
        """What the watch was told of these points; what an apprentice would learn from them is in what was recorded."""
        found = np.full((len(PARTS), *values.shape), np.nan)
        if state is not self.watch.detector_state:
            return Scores(*found)
        self._marks = np.pad(self._marks, ((0, 0), (0, self.watch.n - self._marks.shape[1])))
        for j, at in enumerate(time_s[0].tolist() if len(time_s) else ()):
            for tape in self._tapes:
                column = next(tape.columns, None)
                if column is None or column[0] != at:
                    raise KeyError(f"no scores of {at} were recorded")
                _, rows, scores, marks, moved = column
                found[:, rows, j], self._marks[:, rows] = scores, marks
                if self._moves is not None:
                    self._moves = _of_all(self._moves, self.watch.n)
                    self._moves[moved[0], moved[1]] = moved[2]
        return Scores(*found)

    def ready(self, state: State) -> Floats:
        """Always: who is not ready has no score."""
        return np.ones(len(state[ROW]))

    def threshold(self, budget_per_week: float) -> float:
        """As the inner one's."""
        return self.inner.threshold(budget_per_week)

    def moves(self, state: State) -> Moves | None:
        """As they were: which metrics go together is seen across workers."""
        return None if self._moves is None else _of_all(self._moves, self.watch.n)[state[ROW]]

    def at_once(self, time_s: Ints) -> int:
        """As the inner one's, so that moves are those of each part."""
        return self.inner.at_once(time_s)

    def stays(self, state: State, rows: Ints) -> Bools:
        """As it was."""
        return np.asarray(self._marks[1, rows])

    def close(self) -> None:
        """Let go of the recordings."""
        self._open.close()


@dataclass(frozen=True, slots=True)
class _PlayedStart(Start):
    """Nobody starts any more: that was recorded. Who could be started from is asked for entities."""

    of: ScorePlayer

    def waiting(self, state: State) -> Bools:
        """Nobody."""
        return np.zeros(len(state[ROW]), bool)

    def learnt(self, state: State) -> Bools:
        """As it was."""
        return self.of.learnt[state[ROW]]

    def given(self, state: State) -> Bools:
        """As it was."""
        return self.of.given[state[ROW]]

    def start(self, state: State, rows: Ints, members: Ints, time_s: Ints) -> None:
        """Nothing."""
