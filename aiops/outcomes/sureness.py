"""What verdicts make of how sure a model says it is. Pure.

Two accounts of the verdicts are weighed by their evidence, and what is told is their mean by that weight:

    as it is  what the model says is right: p = x
    learnt    logit p = c + s (logit x - c) + a + b: c the mean of logit x over the verdicts, a slope s and a shift a of the card,
              b of the entity. a ~ 3/4 N(0, 0.3) + 1/4 N(0, 1.5); s = 0, 1/2, 1, 3/2 with 0.1, 0.2, 0.6, 0.1; b ~ N(0, 1.2)

The evidence of an account is the probability that it gives to the verdicts, which is the product of what it would have said of
each before that was known. Learnt begins with a weight of 0.15. Verdicts of one time share their causes, so ten of them count
as three (POWER) of the card; of an entity each counts whole. All of it is summed on a grid.
Source: Dawid, Statistical theory: the prequential approach, JRSS A 147 (1984); Platt, Probabilistic outputs for support vector
machines (1999); Grünwald, The safe Bayesian, ALT 2012 (the power).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import Floats

Said = tuple[float, bool, str]
"""What the model was sure of, 0-1; whether it came; of which entity."""
POWER = 0.3
ODDS = 0.15
"""The weight of what is learnt before there is evidence."""
LENT = 0.8
"""The weight to which the verdicts of a family can lift it."""
EDGE = 0.02
"""Nobody is surer than 1 - EDGE, as far as is learnt of it."""
SHIFTS: Floats = np.linspace(-4.0, 4.0, 41)
SLOPES: Floats = np.array([0.0, 0.5, 1.0, 1.5])
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(9)
OWN: Floats = 1.2 * _NODES
_OWN_LOG: Floats = np.log(_WEIGHTS / _WEIGHTS.sum())


def _normal(x: Floats, sd: float) -> Floats:
    height = np.exp(-0.5 * (x / sd) ** 2)
    found: Floats = height / height.sum(axis=-1, keepdims=True)
    return found


BROAD: Floats = np.outer(0.75 * _normal(SHIFTS, 0.3) + 0.25 * _normal(SHIFTS, 1.5), [0.1, 0.2, 0.6, 0.1])
"""(shifts, slopes): what is expected of a card of which nothing is known."""
_BLUR: Floats = _normal(SHIFTS[:, None] - SHIFTS[None, :], 0.3)


@dataclass(frozen=True, slots=True, eq=False)
class Sureness:
    """`weight` 0-1 of what is learnt; `learnt` (shifts, slopes), how likely each is; `centre` the c above; `own` entity to its
    (logit x, +1 came or -1 not) (2, k)."""

    weight: float
    learnt: Floats
    centre: float
    own: dict[str, Floats]

    def told(self, said: float, entity: str = "") -> float:
        """What is told where the model says `said`, 0-1; rises with it."""
        at = self.centre + SLOPES * (float(_logit(np.array([said]))[0]) - self.centre)
        given = _given(self.own[entity], self.centre) if entity in self.own else np.exp(_OWN_LOG)
        each = 1.0 / (1.0 + np.exp(-(at[None, :, None] + SHIFTS[:, None, None] + OWN)))
        learnt = float(np.sum(self.learnt * np.sum(given * each, axis=2)))
        return self.weight * learnt + (1.0 - self.weight) * said


def weigh(said: Sequence[Said], family: Sequence[Said] = ()) -> Sureness:
    """What the verdicts of a card make of what its model says; `family`: those of the cards of the same models, which tell
    what is to be expected of it."""
    if not said and not family:
        return Sureness(0.0, BROAD, 0.0, {})
    centre = float(_logit(np.array([sure for sure, _, _ in family or said])).mean())
    prior, odds = BROAD, ODDS
    if family:
        theirs = _weighed(family, BROAD, ODDS, centre)
        prior = 0.5 * BROAD + 0.5 * (_BLUR @ theirs.learnt)
        odds = min(LENT, max(ODDS, theirs.weight))
    return _weighed(said, prior, odds, centre)


def _weighed(said: Sequence[Said], prior: Floats, odds: float, centre: float) -> Sureness:
    if not said:
        return Sureness(odds, prior, centre, {})
    z = _logit(np.array([sure for sure, _, _ in said]))
    sign = np.array([1.0 if came else -1.0 for _, came, _ in said])
    order = sorted(range(len(said)), key=lambda i: said[i][2])
    z, sign = z[order], sign[order]
    names = [said[i][2] for i in order]
    begins = [i for i, name in enumerate(names) if not i or name != names[i - 1]]
    own = {names[i]: np.stack([z[i:k], sign[i:k]]) for i, k in zip(begins, [*begins[1:], len(names)], strict=True)}
    by_entity = np.add.reduceat(_likelihood(z, sign, centre), begins, axis=0)
    with np.errstate(divide="ignore"):
        whole = np.log(prior) + POWER * _log_sum(by_entity + _OWN_LOG).sum(axis=0)
    most = float(whole.max())
    learnt = np.exp(whole - most)
    evidence = most + float(np.log(learnt.sum()))
    as_it_is = -POWER * float(np.logaddexp(0.0, -sign * z).sum())
    against = np.clip(as_it_is - evidence + np.log(1.0 - odds) - np.log(odds), -60.0, 60.0)
    return Sureness(float(1.0 / (1.0 + np.exp(against))), learnt / learnt.sum(), centre, own)


def _given(own: Floats, centre: float) -> Floats:
    """(shifts, slopes, nodes): how likely each b is once the verdicts of its entity are known."""
    found = _likelihood(own[0], own[1], centre).sum(axis=0) + _OWN_LOG
    given: Floats = np.exp(found - _log_sum(found)[:, :, None])
    return given


def _likelihood(z: Floats, sign: Floats, centre: float) -> Floats:
    """(n, shifts, slopes, nodes): the log likelihood of each verdict."""
    at = centre + SLOPES * (z[:, None] - centre)
    margin = sign[:, None, None, None] * (at[:, None, :, None] + SHIFTS[:, None, None] + OWN)
    found: Floats = -np.logaddexp(0.0, -margin)
    return found


def _log_sum(x: Floats) -> Floats:
    """Over the last axis."""
    most = x.max(axis=-1)
    found: Floats = most + np.log(np.exp(x - most[..., None]).sum(axis=-1))
    return found


def _logit(share: NDArray[np.float64]) -> Floats:
    p = np.clip(share, EDGE, 1.0 - EDGE)
    found: Floats = np.log(p) - np.log1p(-p)
    return found
