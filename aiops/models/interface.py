"""What a detector and a forecaster are: one vectorised function over rows; state is a dict of arrays with leading axis n."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from aiops.core.params import Params
from aiops.core.records import Bools, Crossings, Floats, Forecast, History, Ints, Limit, Scores, State
from aiops.models.together import Moves

P = TypeVar("P", bound=Params)


class Start(ABC):
    """How a new series starts from what others of its cohort have learnt, instead of from nothing."""

    @abstractmethod
    def waiting(self, state: State) -> Bools:
        """(n,) rows that would start now, if there are others to start from."""

    @abstractmethod
    def learnt(self, state: State) -> Bools:
        """(n,) rows that know enough for others to start from."""

    @abstractmethod
    def start(self, state: State, rows: Ints, members: Ints, time_s: Ints) -> None:
        """Let `rows` (k,) at their clocks `time_s` (k,) start from `members` (k, d), -1 = none; `state` is updated in place.

        A row depends on its own members alone, and not on their order.
        """

    @abstractmethod
    def given(self, state: State) -> Bools:
        """(n,) rows that are judged more by what they were given of their cohort than by what they have learnt themselves."""


class Opinion(ABC):
    """A slower second opinion on the entities that deserve one. It is asked of an entity's rows beside others of their cohort,
    answers later, and until then the detector's scores stand alone.

    Its state has a row a series, apart from the detector's. What it says of a row depends on the history that it was given, in
    the order in which rows were given, and on nothing else.
    """

    name: str

    @abstractmethod
    def initial(self, n: int) -> State:
        """State of n series of which nothing was asked."""

    @abstractmethod
    def deserving(self, scores: Floats, thresholds: Floats) -> Bools:
        """(entities,) those to ask for, by their scores (entities,) (-log10 p, NaN = none) and what they must reach."""

    @abstractmethod
    def busy(self, state: State, now_s: Ints) -> Bools:
        """(n,) rows that wait for an answer, or had one not long ago."""

    @abstractmethod
    def room(self) -> int:
        """How many entities may be asked for now."""

    @abstractmethod
    def ask(self, state: State, rows: Ints, history: History) -> None:
        """Ask for `rows` (k,) of one entity; `history` is theirs and, after them, that of others of their cohort. With too little
        of it nothing is asked."""

    @abstractmethod
    def due(self, state: State, now_s: Ints) -> Ints:
        """The rows whose answer is due."""

    @abstractmethod
    def take(self, state: State, rows: Ints) -> None:
        """Use the answer for `rows` (k,) of one entity, in the order of the asking; without one nothing is said."""

    @abstractmethod
    def said(self, state: State, now_s: Ints) -> Floats:
        """(n,) tail probability, in the meaning of `Scores.p`; NaN: nothing is said."""

    @abstractmethod
    def joined(self, first: Floats, second: Floats) -> Floats:
        """Scores of entities from those of the detector and of the second opinion (NaN = none), -log10 p each."""


class Detector(ABC, Generic[P]):
    """Scores new points against what was known before them, then learns them. Rows never influence each other, unless they start
    from their cohort: how, `starts` says; None: such a detector starts each series from nothing. `opinion`: a second opinion on
    few entities; None: there is none."""

    Params: ClassVar[type[Params]]
    starts: Start | None = None
    opinion: Opinion | None = None

    def __init__(self, params: P, step_s: int) -> None:
        self.params, self.step_s = params, step_s

    @abstractmethod
    def initial(self, n: int) -> State:
        """State of n series nothing is known of."""

    @abstractmethod
    def score(self, state: State, values: Floats, time_s: Ints) -> Scores:
        """Score `values` (n, m), the m newest points in time order, and learn them: `state` is updated in place.

        `time_s` (n, m) int64 is each row's own clock, one grid step apart. NaN values score NaN and teach nothing.
        Scoring m points at once equals scoring them one by one. `values` is not changed.
        """

    def moves(self, state: State) -> Moves | None:
        """(n, blocks) how rows moved in their last blocks: it shows which metrics of an entity go together; None: unknown."""
        return None

    def stays(self, state: State, rows: Ints) -> Bools:
        """(k,) which of `rows` are still at another level than usual, though what they score may have fallen since: what lasts is
        learnt."""
        return np.zeros(len(rows), bool)

    def at_once(self, time_s: Ints) -> int:
        """How many of the columns at `time_s` (clocks, m), all clocks there are, may be scored at once so that `moves` afterwards
        is what it is at each of them: at least one."""
        return int(time_s.shape[1])

    @abstractmethod
    def ready(self, state: State) -> Floats:
        """Per row 0-1: how much of the needed learning is done; 1 = scores are meant."""

    @abstractmethod
    def threshold(self, budget_per_week: float) -> float:
        """The entity score (-log10 p) that keeps false warnings at about `budget_per_week` an entity."""


class Forecaster(ABC, Generic[P]):
    """Says when rows cross their limit. Rows never influence each other."""

    Params: ClassVar[type[Params]]

    def __init__(self, params: P, step_s: int) -> None:
        self.params, self.step_s = params, step_s

    @abstractmethod
    def initial(self, n: int) -> State:
        """State of n series nothing is known of."""

    def named(self, state: State, names: Sequence[str]) -> None:
        """Told once what the n rows of a new `state` are called, a text of the labels each; it may be kept there."""

    def waiting(self, state: State) -> Bools:
        """(n,) rows that nothing was said of yet because others have their turn now; asked after `screen`."""
        return np.zeros(len(next(iter(state.values()))), bool)

    def screen(self, state: State, latest: NDArray[np.float64], limit: Limit, now_s: Ints) -> Bools:
        """(n,) rows that need a look now; the others surely cross nothing, or wait. `latest` (n,) values now, NaN = none.

        Always asked of all rows there are; `state` may be updated in place.
        """
        return np.isfinite(limit.value)

    @abstractmethod
    def crossings(self, state: State, history: History, limit: Limit, horizon_s: float) -> Crossings:
        """Crossing times of n rows as known at `history.now_s`; `state` is updated in place (hysteresis, smoothing).

        Called once a turn. A row whose newest sample already stands beyond its limit, or with no limit, is NaN.
        """

    @abstractmethod
    def curve(self, state: State, history: History, time_s: Ints, level: float) -> Forecast:
        """Mean and interval of n rows at `time_s` (h,), for plots; lower <= mean <= upper."""
