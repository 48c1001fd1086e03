"""What models said, recorded by workers and played back in the ordered pass.

A worker takes the turns of one card as the daemon does up to what its models say, and asks them of its own share of the rows
alone: rows never influence each other, those of one cohort aside. The ordered pass then has, for each look, the answers of all
workers in the place of the models, and does the rest. Who recorded which rows leaves no trace.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from aiops.backtest.question import BadQuestion, set_clock
from aiops.backtest.tape_scores import ROW, ScorePlayer, ScoreRecorder, part_of
from aiops.core.params import Params
from aiops.core.records import Bools, Crossings, Forecast, History, Ints, Limit, State
from aiops.models.interface import Forecaster
from aiops.pipeline import Rooms, Watch
from aiops.pipeline.backfill import fill_in
from aiops.pipeline.read import read
from aiops.pipeline.sense import sense

LOOK = np.dtype([
    ("look_s", "<i8"), ("row", "<i8"), ("times", "<f8", 3), ("level", "<f8"), ("confidence", "<f8"), ("slope", "<f8"),
    ("window_s", "<f8"), ("reason", "<i4"),
])  # fmt: skip
"""One row at one look."""
FORMAT = 3
"""Of what is recorded here and in `tape_scores`. It grows with each change of what is written there, or of what that means: what
an older build of the same version left is refused then. 1 named none."""
SCORES = ".scores"
"""The ending of what detectors said."""
_MEND = "remove the files tape-* beside it, and they are recorded anew from what was read, or give another folder"
TURNS_A_MARK = 64
Looks = NDArray[Any]


class Recorder(Forecaster[Any]):
    """Asks `inner` of the rows of one share, and writes down what it says."""

    Params = Params

    def __init__(self, inner: Forecaster[Any], share: int, shares: int) -> None:
        super().__init__(inner.params, inner.step_s)
        self.inner, self.share, self.shares = inner, share, shares
        self._parts: list[Looks] = []
        self._reasons: dict[str, int] = {}

    def initial(self, n: int) -> State:
        """As the inner one's, with room for the rows' numbers."""
        return self.inner.initial(n) | {ROW: np.zeros(n, np.int64)}

    def named(self, state: State, names: Sequence[str]) -> None:
        """As to the inner one."""
        self.inner.named(state, names)

    def screen(self, state: State, latest: NDArray[np.float64], limit: Limit, now_s: Ints) -> Bools:
        """Of its share alone. It is asked of all rows, so that it knows their numbers."""
        state[ROW][:] = np.arange(len(latest))
        mine: Bools = self.inner.screen(state, latest, limit, now_s) & (state[ROW] % self.shares == self.share)
        return mine

    def crossings(self, state: State, history: History, limit: Limit, horizon_s: float) -> Crossings:
        """What the inner one says."""
        found = self.inner.crossings(state, history, limit, horizon_s)
        part = np.zeros(len(found.slope), LOOK)
        part["look_s"], part["row"], part["times"], part["level"] = history.now_s, state[ROW], found.time_s, found.level
        part["confidence"], part["slope"], part["window_s"] = found.confidence, found.slope, found.window_s
        part["reason"] = [self._reasons.setdefault(str(one), len(self._reasons)) for one in found.reason.tolist()]
        self._parts.append(part)
        return found

    def curve(self, state: State, history: History, time_s: Ints, level: float) -> Forecast:
        """As the inner one's."""
        return self.inner.curve(state, history, time_s, level)

    def save(self, path: Path) -> None:
        """Write it out; what is described is whole."""
        whole = np.concatenate([np.zeros(0, LOOK), *self._parts])
        part = part_of(path)
        with part.open("wb") as f:
            np.save(f, whole[np.argsort(whole["look_s"], kind="stable")], allow_pickle=False)
        part.replace(path.with_suffix(".npy"))
        _finish(path, list(self._reasons))


class Player(Forecaster[Any]):
    """Says what was recorded. Raises KeyError for a row that nobody recorded."""

    Params = Params

    def __init__(self, inner: Forecaster[Any], paths: Sequence[Path]) -> None:
        super().__init__(inner.params, inner.step_s)
        self.inner = inner
        tapes, reasons, table = [], [], list[str]()
        for path in paths:
            tape = np.load(path.with_suffix(".npy"), allow_pickle=False)
            reasons.append(tape["reason"] + len(table))
            table += reasons_in(path)
            tapes.append(tape)
        whole = np.concatenate(tapes)
        order = np.lexsort((whole["row"], whole["look_s"]))
        self._looks, self._reason = whole[order], np.array(table or [""], dtype=object)[np.concatenate(reasons)[order]]
        self._at: tuple[int, int, int] = (-(2**62), 0, 0)

    def initial(self, n: int) -> State:
        """Nothing but the rows' numbers."""
        return {ROW: np.zeros(n, np.int64)}

    def _look(self, now_s: int) -> slice:
        if self._at[0] != now_s:
            first, last = np.searchsorted(self._looks["look_s"], [now_s, now_s + 1]).tolist()
            self._at = now_s, first, last
        return slice(self._at[1], self._at[2])

    def screen(self, state: State, latest: NDArray[np.float64], limit: Limit, now_s: Ints) -> Bools:
        """The rows that were looked at."""
        state[ROW][:] = np.arange(len(latest))
        out = np.zeros(len(latest), bool)
        if len(now_s):
            out[self._looks["row"][self._look(int(now_s[0]))]] = True
        return out

    def crossings(self, state: State, history: History, limit: Limit, horizon_s: float) -> Crossings:
        """What was said of these rows."""
        here = self._look(int(history.now_s[0])) if len(history.now_s) else slice(0, 0)
        some, rows = self._looks[here], state[ROW]
        at = np.searchsorted(some["row"], rows)
        if len(rows) and not (len(some) and np.array_equal(some["row"][np.minimum(at, len(some) - 1)], rows)):
            raise KeyError("a row was not recorded")
        found = some[at]
        return Crossings(
            np.ascontiguousarray(found["times"]), float(found["level"][0]) if len(found) else 0.8, found["confidence"].copy(),
            found["slope"].copy(), found["window_s"].copy(), self._reason[here][at],
        )  # fmt: skip

    def curve(self, state: State, history: History, time_s: Ints, level: float) -> Forecast:
        """As the inner one's, of what it knows nothing yet."""
        return self.inner.curve(self.inner.initial(len(history.now_s)), history, time_s, level)


def record(
    rooms: Rooms, watch: Watch, turns: Sequence[int], share: int, shares: int, path: Path,
    mark: Callable[[int], None] = lambda _: None,
) -> None:  # fmt: skip
    """Take the turns of a watch that knows nothing yet, as far as its models, and record one share of what they say."""
    looks = scores = None
    if watch.forecaster is not None:
        watch.forecaster = looks = Recorder(watch.forecaster, share, shares)
    if watch.detector is not None:
        watch.opinion = None  # it looks at entities as a whole: it is asked in the ordered pass
        watch.detector = scores = ScoreRecorder(watch.detector, watch, share, shares, path.with_suffix(SCORES))
    for i, now in enumerate(turns, 1):
        set_clock(rooms, now)
        sense(watch, read(watch, now), now)
        watch.judged_s = now
        fill_in(watch)
        if i % TURNS_A_MARK == 0:
            mark(TURNS_A_MARK)
    if scores is not None:
        scores.save()
    if looks is not None:
        looks.save(path)
    else:
        _finish(path, [])


def _finish(path: Path, reasons: Sequence[str]) -> None:
    """Say that a share is whole."""
    part = part_of(path)
    part.write_bytes(orjson.dumps({"format": FORMAT, "reasons": reasons}))
    part.replace(path)


def reasons_in(path: Path) -> list[str]:
    """The reasons that the forecasts of a share name, by number. Raises BadQuestion where it is of another format or torn."""
    try:
        found = orjson.loads(path.read_bytes())
    except ValueError:
        raise BadQuestion(f"{path} is not whole; {_MEND}") from None
    of = found.get("format") if isinstance(found, dict) else None
    if of != FORMAT:
        said = "an older format, which had no number" if of is None else f"format {of}"
        raise BadQuestion(f"{path} is of {said}, and this aiops reads format {FORMAT}; {_MEND}")
    return [str(one) for one in found["reasons"]]


def play(watch: Watch, paths: Sequence[Path]) -> None:
    """Let a watch that knows nothing yet take what its models say from what was recorded."""
    if watch.forecaster is not None:
        watch.forecaster = Player(watch.forecaster, paths)
    if watch.detector is not None:
        watch.detector = ScorePlayer(watch.detector, watch, [path.with_suffix(SCORES) for path in paths])


def played(watch: Watch) -> None:
    """Let go of what was played."""
    if isinstance(watch.detector, ScorePlayer):
        watch.detector.close()
