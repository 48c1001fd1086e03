"""Which limit of a runbook holds a run back, by the runs before it: for the past and the tests in files, which have no engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiops.core.durations import text
from aiops.core.labels import key
from aiops.runbooks.schema import Guards, Runbook


@dataclass(frozen=True, slots=True)
class Ran:
    """An earlier run: its target, when it began and ended, whether it ended well, and whether its symptom came back too soon."""

    target: Mapping[str, str]
    at_s: float
    ended_s: float
    good: bool = False
    back: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """Which limit it was, and in words."""

    because: str
    why: str


def held_back(runbook: Runbook, target: Mapping[str, str], at_s: float, earlier: Sequence[Ran]) -> Held | None:
    """The limit that a run at `at_s` would break; None when it breaks none.

    As the engine counts: a cooldown begins with the end of a run; the count of runs begins anew after a success whose cooldown
    stayed quiet; targets are different ones, this one among them.
    """
    guards = runbook.guards
    if guards is None:
        return None
    before = sorted((one for one in earlier if one.at_s <= at_s), key=lambda one: one.at_s)
    here = [one for one in before if key(one.target) == key(target)]
    return _runs(guards, at_s, here) or _cooldown(guards, at_s, here) or _targets(guards, target, at_s, before)


def _runs(guards: Guards, at_s: float, here: Sequence[Ran]) -> Held | None:
    if guards.max_runs is None:
        return None
    next_s = [*(one.at_s for one in here[1:]), at_s]
    well = [i for i, one in enumerate(here) if _went_well(one, next_s[i], guards.cooldown or 0.0)]
    count = [one for one in here[well[-1] + 1 if well else 0 :] if at_s - one.at_s < guards.max_runs.per]
    if len(count) < guards.max_runs.count:
        return None
    return Held("max_runs", f"max_runs: {len(count)} within {text(guards.max_runs.per)}")


def _went_well(one: Ran, next_s: float, cooldown_s: float) -> bool:
    return one.good and not one.back and next_s >= one.ended_s + cooldown_s


def _cooldown(guards: Guards, at_s: float, here: Sequence[Ran]) -> Held | None:
    if not guards.cooldown or not here or at_s - here[-1].ended_s >= guards.cooldown:
        return None
    return Held("cooldown", f"cooldown {text(guards.cooldown)}: it ran {text(at_s - here[-1].ended_s)} before")


def _targets(guards: Guards, target: Mapping[str, str], at_s: float, before: Sequence[Ran]) -> Held | None:
    most = guards.max_targets
    if most is None or most.count is None:
        return None
    others = {key(one.target) for one in before if at_s - one.at_s < most.per} - {key(target)}
    return Held("max_targets", f"max_targets: {len(others)} within {text(most.per)}") if len(others) >= most.count else None
