"""The false-alarm budget: which score an entity must reach for it to warn no more often than its card accepts, found without
labels on live data."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import Bools, Floats, Ints, State
from aiops.models.medians import median

DAY_S, WEEK_DAYS = 86400, 7.0
RUNGS: NDArray[np.float64] = 0.9 + 0.15 * np.arange(26, dtype=np.float64)
"""Scores at which episodes are counted."""
MERGE_S, AGAIN_S = 1800, 86400
"""Firings no farther apart are one episode; an episode that lasts counts once more after so long."""
SEEN_S = 7200
"""The longest time between two scores in which an entity counts as watched."""
MEMORY_WEEKS, PRIOR_WEEKS = 5.0, 0.5
BODY_A_WEEK, DEEPER = 12.0, 2.0
"""How often a week an entity reaches the score that its tail is measured from, and how many times as often the one below, by
which the tail's fall is measured. Incidents are rarer than both, and hardly move them."""
TENTH = 0.35
"""How much higher the score is that a usual entity reaches ten times less often."""
STEEPER, LEAST_TENTH, MOST_TENTH = 0.4, 0.25, 0.8
"""A tail falls faster than the body above it: its tenth is this share of the body's, and lies between these bounds."""
A_DAY = 6.0
"""Episodes of one day that count at most, so that a day of incidents teaches little; no fewer than the budget of a week."""
FORETOLD = 2.2
"""What is foretold of the tail for a budget of one: some of its episodes are incidents, or come while another is up."""
HEAVIER = 0.9
"""A tail falls more slowly the farther out: for a budget below one, less is foretold by the budget to this power."""
INCIDENTS_A_WEEK = 2.9
"""Days with a warning that there may be beyond the budget, whatever is foretold of the tail."""
EDGE, LEFT, LONG_AGO, OFTEN, FARTHER = 2, 0.2, 0.8, 3.0, 1.35
"""Where a routine ends: so many rungs farther out this share of its days at most is left, or one of more than a week ago, of so
many at least; and how much more is asked for at most to be beyond it."""
REST, REST_S = 0.3, 43200.0
"""How much more is asked for just after an episode, and how soon that is forgotten (time constant)."""
SLACK = 0.2
"""How much less than theta an episode is asked for to go on. Less than `REST` leaves after 30 min: what only stays near theta has
ended by then."""
YOUNG, YOUNG_REST, YOUNG_S = 1.0, 3.0, 129600.0
"""How much less the scores of an entity count, and how much more is asked for after an episode, when the entity has only begun
to be watched; the time constant of both: scales that have seen few points are too narrow, and its restlessness is not known."""
OWN = 0.25
"""How much lower a score counts beside those of other entities, of what its own must reach beyond a usual one."""
NEVER = np.iinfo(np.int64).min // 2
SHIFT_S = 2 * AGAIN_S
"""Times of firings are kept in 32 bits, so much later than they were: 0 is never."""
GIVEN_WEEKS = 2.0
"""What an entity is given of its cohort counts as much as so many weeks of its own, no more than the members saw."""
AT_ONCE = 4096
"""Entities whose day is closed at once: memory stays flat."""


class Budget:
    """Per entity the score theta that it exceeds by chance about `budget` times a week, foretold from the body of its own scores.

    Counted are episodes N at or above each rung of a ladder of scores, firings at most 30 min apart being one, that lasts being
    counted once a day, at most `A_DAY` a day; forgotten exponentially over `MEMORY_WEEKS`, as the weeks T they were seen in. The
    rate is r(x) = (w L(x) + N(x)) / (w + T), L that of a usual entity, worth w = `PRIOR_WEEKS` of observation; x(r) the highest
    score that is reached r times a week. With b = `BODY_A_WEEK`, c = `FORETOLD` min(1, budget)^`HEAVIER`:

        theta = x(b) + g log10(b / (c budget)),   g = `STEEPER` (x(b) - x(2 b)) / log10(2) between `LEAST_TENTH` and `MOST_TENTH`

    What is rare is foretold from what is frequent, so an entity is known after days instead of weeks, and incidents, which are
    rarer and farther out, hardly count. theta is at least `usual(budget)`, for a budget is what may be spent, not what must be;
    and at least so high that no more than budget + `INCIDENTS_A_WEEK` days a week had an episode, should the tail be heavier than
    foretold (of a day max(1, budget) episodes count here, so a day of incidents is one).

    What comes again and again, as strange each time, is a routine: a clean-up every other day. Its days end at an edge of the
    ladder. Where theta would lie below one, that is where at least `OFTEN` days, and `budget` a week, reached a rung, and at most
    `LEFT` of these the rung `EDGE` farther out, it is that rung: for a little more it is spared most of its warnings. One day
    that is left and long ago does not count: the first time a routine came it was stranger. Never more than `FARTHER` beyond what
    was asked for otherwise, so that what is far stranger than the rest is told however often it comes.

    For hours after an episode more is asked for: theta + `REST` exp(-t / `REST_S`), t since its last firing and more than 30 min;
    an episode that goes on is asked for theta alone. Restless hours cost one warning or two instead of many.

    A young entity is trusted less. With y = exp(-age / `YOUNG_S`), age the time it was watched for, its scores count `YOUNG` y
    less, in what it learns and in what is asked for; after an episode `YOUNG_REST` y exp(-t / `YOUNG_S`) more is asked for. So a
    week's budget is not spent on the first days, and only what goes far beyond the first warning is told beside it.

    An entity is judged by days of its own clock: what one day taught counts from the next on. Entities never influence each
    other, and a score beyond the last rung is as good as on it. NaN scores teach nothing. State: about 0.5 kB an entity.

    Source: Gamma-Poisson shrinkage of a rate (Efron & Morris 1973, Stein's Estimation Rule, JASA 68); peaks over thresholds,
    declustered by runs (Davison & Smith 1990, Models for Exceedances over High Thresholds, JRSS B 52).

    >>> import numpy as np
    >>> budget = Budget(lambda b: 2.0 - np.log10(b), 1.0)
    >>> state = budget.initial(2)
    >>> for hour in range(24 * 28):
    ...     budget.learn(state, np.array([0.5, 3.0 if hour % 4 == 0 else 0.5]), np.full(2, 3600 * hour))
    >>> bool(budget.theta(state)[0] < 2.1 < 3.0 < budget.theta(state)[1])
    True
    """

    def __init__(self, usual: Usual, per_week: float) -> None:
        per_week = max(per_week, 1e-3)
        spent = FORETOLD * per_week * min(1.0, per_week) ** HEAVIER
        body = max(BODY_A_WEEK, spent)
        self._a_day, self._one = max(A_DAY, per_week), max(1.0, per_week)
        self._least = usual(per_week)
        self._prior = 10.0 ** ((usual(1.0) - RUNGS) / TENTH)
        self._body, self._deeper = math.log10(body), math.log10(DEEPER * body)
        self._decades, self._per_week = math.log10(body / spent), per_week
        self._most = math.log10(per_week + INCIDENTS_A_WEEK)
        self._keep = math.exp(-1.0 / (WEEK_DAYS * MEMORY_WEEKS))
        none = np.zeros((1, len(RUNGS)))
        self._new = float(self._asked_for(none, none, np.zeros(1))[0])

    def initial(self, n: int) -> State:
        """Nothing known of n entities."""
        return {
            "theta": np.full(n, self._new + YOUNG), "base": np.full(n, self._new), "last": np.full(n, NEVER, np.int64),
            "day": np.full(n, NEVER, np.int64), "scored": np.zeros(n), "weeks": np.zeros(n),
            "newest": np.full(n, NEVER, np.int64), "episodes": np.zeros((n, len(RUNGS)), np.float32),
            "warned_days": np.zeros((n, len(RUNGS)), np.float32),
            "today": np.zeros((n, len(RUNGS)), np.uint8),
            "fired": np.zeros((n, len(RUNGS)), np.uint32), "begun": np.zeros((n, len(RUNGS)), np.uint32),
        }  # fmt: skip

    def theta(self, state: State) -> Floats:
        """(n,) the score from which on each entity warns, at the newest instant that was learnt."""
        theta: Floats = state["theta"]
        return theta

    def own(self, state: State) -> Floats:
        """(n,) OWN (theta - usual(budget)), at least 0: what is taken off the scores of an entity, and off its theta, so that
        those of different entities are on one scale.

        What an entity reaches again and again says less. Only part of it is taken off: theta is known from a few weeks, and what
        lies behind a high one may have been incidents. Who warns stays the same.
        """
        own: Floats = OWN * (state["theta"] - self._least)
        return own

    def waiting(self, state: State) -> Bools:
        """(n,) entities that nothing is known of."""
        return np.asarray((state["newest"] == NEVER) & (state["weeks"] == 0.0))

    def learnt(self, state: State) -> Bools:
        """(n,) entities that were watched for a day."""
        return np.asarray(_age_s(state) >= DAY_S)

    def start(self, state: State, rows: Ints, members: Ints) -> None:
        """Let `rows` (k,) start from `members` (k, d), -1 = none: as if each had been watched for up to GIVEN_WEEKS and reached
        every rung as often as the median of them. Neither the order of members nor a tenth of them matters."""
        there, donors = (members >= 0).T, np.maximum(members, 0).T
        weeks = state["weeks"][donors] + state["scored"][donors] / (DAY_S * WEEK_DAYS)
        given = np.minimum(median(np.where(there, weeks, np.nan)), GIVEN_WEEKS)
        for name, most in (("episodes", self._a_day), ("warned_days", self._one)):
            counts = state[name][donors] + np.minimum(state["today"][donors], most)
            rate = np.where(there[:, :, None], counts / weeks[:, :, None], np.nan)
            state[name][rows] = median(rate.reshape(len(rate), -1)).reshape(rate.shape[1:]) * given[:, None]
        state["weeks"][rows] = given
        state["base"][rows] = self._asked_for(state["episodes"][rows], state["warned_days"][rows], given)
        state["theta"][rows] = state["base"][rows] + YOUNG * _youth(state)[rows]

    def learn(self, state: State, score: Floats, time_s: Ints) -> None:
        """Take one column into account: `score` (n,) NaN = none, `time_s` (n,) each entity's clock. Updates `state` in place.

        Instants not after the newest one that was seen are left out: nothing counts twice.
        """
        here = np.isfinite(score) & (time_s > state["newest"])
        day = time_s // DAY_S
        over = here & (day != state["day"])
        if over.any():
            ended = np.flatnonzero(over)
            for first in range(0, len(ended), AT_ONCE):
                self._close(state, ended[first : first + AT_ONCE])
            state["day"][over] = day[over]
        elapsed = np.minimum(time_s - state["newest"], SEEN_S)
        state["scored"] += np.where(here & (state["newest"] > NEVER), elapsed, 0)
        state["newest"][here] = time_s[here]
        young = _youth(state)
        np.copyto(state["theta"], state["base"] + YOUNG * young + self._rest(time_s - state["last"], young), where=here)
        counts = score - YOUNG * young
        with np.errstate(invalid="ignore"):
            rows = np.flatnonzero(here & (counts >= RUNGS[0]))
            np.copyto(state["last"], time_s, where=here & (score >= state["theta"]))
        if len(rows):
            self._count(state, rows, counts[rows], time_s[rows])

    @staticmethod
    def _rest(quiet_s: Ints, young: Floats) -> Floats:
        """(n,) what is asked for beyond theta, so long after the last firing."""
        since = np.maximum(quiet_s, 0)
        rest = REST * np.exp(-since / REST_S) + YOUNG_REST * young * np.exp(-since / YOUNG_S)
        return np.where(quiet_s > MERGE_S, rest, 0.0)

    def _count(self, state: State, rows: Ints, score: Floats, time_s: Ints) -> None:
        """Episodes that begin, or have lasted a day more, with these firings."""
        reached: Bools = score[:, None] >= RUNGS
        now = time_s[:, None] + SHIFT_S
        fired, begun = state["fired"][rows].astype(np.int64), state["begun"][rows].astype(np.int64)
        counts = reached & ((now - fired > MERGE_S) | (now - begun >= AGAIN_S))
        state["today"][rows] += counts
        state["begun"][rows] = np.where(counts, now, begun)
        state["fired"][rows] = np.where(reached, now, fired)

    def _close(self, state: State, rows: Ints) -> None:
        """Days that are over."""
        weeks = state["weeks"][rows] * self._keep + state["scored"][rows] / (DAY_S * WEEK_DAYS)
        state["weeks"][rows] = weeks
        today = state["today"][rows]
        for name, most in (("episodes", self._a_day), ("warned_days", self._one)):
            state[name][rows] = state[name][rows] * self._keep + np.minimum(today, most)
        state["today"][rows], state["scored"][rows] = 0, 0.0
        state["base"][rows] = self._asked_for(state["episodes"][rows], state["warned_days"][rows], weeks)

    def _rate(self, counts: Floats, weeks: Floats) -> Floats:
        """(k, rungs) log10 of how often a week each rung is reached, falling."""
        found = (PRIOR_WEEKS * self._prior + counts) / (PRIOR_WEEKS + weeks)[:, None]
        falling: Floats = np.maximum.accumulate(np.log10(found)[:, ::-1], axis=1)[:, ::-1]
        return falling

    def _asked_for(self, episodes: Floats, days: Floats, weeks: Floats) -> Floats:
        """(k,) theta for so many episodes and days with one (k, rungs) in `weeks` (k,)."""
        rate = self._rate(episodes, weeks)
        x, below = _highest_crossing(rate, self._body), _highest_crossing(rate, self._deeper)
        tenth = np.clip(STEEPER * (x - below) / math.log10(DEEPER), LEAST_TENTH, MOST_TENTH)
        foretold = np.maximum(x + tenth * self._decades, self._least)
        theta = np.maximum(foretold, _highest_crossing(self._rate(days, weeks), self._most))
        return self._beyond_routine(theta, days, weeks)

    def _beyond_routine(self, theta: Floats, days: Floats, weeks: Floats) -> Floats:
        """(k,) the first edge of the days (k, rungs) of a routine above `theta` (k,); where there is none, `theta`."""
        reached, left, edge = days[:, :-EDGE], days[:, EDGE:], RUNGS[EDGE:]
        often = np.maximum(OFTEN, self._per_week * np.maximum(weeks, 1.0))[:, None]
        ends = (reached >= often) & (left <= np.maximum(LEFT * reached, LONG_AGO))
        ends &= (edge > theta[:, None]) & (edge <= theta[:, None] + FARTHER)
        beyond: Floats = np.where(ends.any(axis=1), edge[np.argmax(ends, axis=1)], theta)
        return beyond


def comparable(score: Floats, own: Floats) -> Floats:
    """Scores less what is `own` to their entities, at least 0; NaN stays NaN."""
    less: Floats = np.maximum(0.0, score - own)
    return less


class Usual(Protocol):
    """A detector's own threshold for a budget a week, of a usual entity."""

    def __call__(self, budget_per_week: float, /) -> float:
        """The score."""
        ...


def _age_s(state: State) -> Floats:
    """(n,) seconds that each entity was watched for; what is long ago is forgotten."""
    age: Floats = state["weeks"] * (WEEK_DAYS * DAY_S) + state["scored"]
    return age


def _youth(state: State) -> Floats:
    """(n,) 1 for an entity that has only begun to be watched, falling to 0."""
    youth: Floats = np.exp(-_age_s(state) / YOUNG_S)
    return youth


def _highest_crossing(rate: Floats, target: float) -> Floats:
    """(k,) where the rate (k, rungs), read from the highest rung down, first exceeds `target`; the lowest rung if nowhere."""
    exceeds = rate > target
    last = len(RUNGS) - 1
    rung = np.where(exceeds.any(axis=1), last - np.argmax(exceeds[:, ::-1], axis=1), 0)
    above = np.minimum(rung + 1, last)
    at = np.arange(len(rate))
    here, next_ = rate[at, rung], rate[at, above]
    falls = exceeds[at, rung] & (above > rung)
    part = np.where(falls, (here - target) / np.where(falls, here - next_, 1.0), 0.0)
    crossing: Floats = RUNGS[rung] + (RUNGS[above] - RUNGS[rung]) * part
    return crossing
