"""How often a runbook may run: pure functions over what was charged before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aiops.core.durations import text
from aiops.responses.procedure import Limits
from aiops.responses.world import Spread
from aiops.store.response_rows import Charge

LOOP_S = 3600.0
SHOWING_AT_LEAST = 5
"""Fewer targets are no storm, whatever share of all they are."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Which limit refused, in words, and what this refusal is one of: told once for all that have the same `key`."""

    because: str
    why: str
    key: str = ""
    wait: bool = False


def looks_back_s(limits: Limits) -> float:
    """How far back charges count."""
    return max(limits.cooldown_s, limits.runs_per_s, limits.targets_per_s, LOOP_S) + limits.cooldown_s


def refused(
    limits: Limits, new: Charge, found: Sequence[Charge], spread: Spread, loop: int, storm_percent: float
) -> Refused | None:
    """Why `new` may not be charged beside those `found` (oldest first), None when it may.

    Another response on the same target is waited for. After a success whose cooldown stayed quiet the count of runs begins
    anew; everything else counts: failures, unknown ends, symptoms that came back. Targets count over all runbooks that change
    targets of the same kind.
    """
    counted = [c for c in found if not c.waived]
    here = [c for c in counted if c.target == new.target and c.kind == new.kind]
    own = [c for c in here if c.runbook == new.runbook]
    if any(c.ended_s is None for c in here):
        return Refused("busy", "another response acts on this target", wait=True)
    return (
        _storm(new, spread, storm_percent)
        or _runs(limits, new, own)
        or _cooldown(limits, new, own)
        or _loop(new, here, loop)
        or _targets(limits, new, counted, spread)
    )


def _storm(new: Charge, spread: Spread, percent: float) -> Refused | None:
    if spread.there is None or spread.showing < SHOWING_AT_LEAST or 100.0 * spread.showing <= percent * spread.there:
        return None
    why = f"{spread.showing} of {spread.there} targets show the same: this is not {spread.showing} problems"
    return Refused("storm", why, f"storm:{new.runbook}:{int(new.at_s // LOOP_S)}")


def _cooldown(limits: Limits, new: Charge, own: Sequence[Charge]) -> Refused | None:
    if not own or limits.cooldown_s <= 0:
        return None
    since = new.at_s - (own[-1].ended_s or own[-1].at_s)
    if since >= limits.cooldown_s:
        return None
    why = f"it ran {text(since)} ago, and its cooldown is {text(limits.cooldown_s)}"
    return Refused("cooldown", why, f"cooldown:{own[-1].run_id}")


def _runs(limits: Limits, new: Charge, own: Sequence[Charge]) -> Refused | None:
    if limits.max_runs is None:
        return None
    since = new.at_s - limits.runs_per_s
    quiet = [i for i, c in enumerate(own) if _went_well(c, own[i + 1].at_s if i + 1 < len(own) else new.at_s)]
    count = [c for c in own[quiet[-1] + 1 if quiet else 0 :] if c.at_s > since]
    if len(count) < limits.max_runs:
        return None
    why = f"it ran {len(count)} times on this target in {text(limits.runs_per_s)} and may {limits.max_runs}: a person is needed"
    return Refused("max_runs", why, f"max_runs:{count[-1].run_id}")


def _went_well(charge: Charge, next_s: float) -> bool:
    """A verified success after which the symptom stayed away for a cooldown."""
    return charge.good and not charge.back and charge.ended_s is not None and next_s >= charge.ended_s + charge.cooldown_s


def _loop(new: Charge, here: Sequence[Charge], most: int) -> Refused | None:
    recent = [c for c in here if c.at_s > new.at_s - LOOP_S]
    if len(recent) < most:
        return None
    names = ", ".join(sorted({c.runbook for c in recent}))
    return Refused("loop", f"{len(recent)} responses acted on this target within an hour ({names})", f"loop:{recent[-1].run_id}")


def _targets(limits: Limits, new: Charge, counted: Sequence[Charge], spread: Spread) -> Refused | None:
    if limits.max_targets is None and limits.max_percent is None:
        return None
    since = new.at_s - limits.targets_per_s
    touched = {c.target for c in counted if c.kind == new.kind and c.at_s > since} | {new.target}
    key = f"max_targets:{new.runbook}:{min((c.run_id for c in counted if c.kind == new.kind and c.at_s > since), default='')}"
    if limits.max_targets is not None and len(touched) > limits.max_targets:
        why = f"{len(touched) - 1} targets were touched in {text(limits.targets_per_s)}, of at most {limits.max_targets}"
        return Refused("max_targets", why, key)
    if limits.max_percent is None:
        return None
    if spread.there is None:
        return Refused("max_targets", "how many targets there are is not known", key)
    if 100.0 * len(touched) > limits.max_percent * max(spread.there, 1):
        return Refused("max_targets", f"{len(touched)} of {spread.there} targets is more than {limits.max_percent:g}%", key)
    return None
