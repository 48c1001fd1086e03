"""Alerts whose series are not there any more: for how long, how that is told, and when it ends their episodes.

An alert fires only while its series are there, so what was told of one whose series have gone will not come as things are. That
is no all-clear either: a pod that was replaced and a target that cannot be scraped look alike.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from aiops.core.durations import text
from aiops.core.records import Bools
from aiops.pipeline.rules_watch import RulesWatch

GONE_S, GONE_STEPS = 300, 3
"""A series is silent from then on: it is told."""
LOST_S, LOST_STEPS = 1800, 10
"""It is taken to be gone: the episode ends. Longer than a host takes to start anew."""


def count_silence(watch: RulesWatch, present: Bools, free: Bools) -> None:
    """Take a turn into account: `present` (R,) whether there is what each alert needs; those that are not `free` stand still.

    Turns are counted, not the clock: while a source was away nobody knows what was there.
    """
    silent = watch.state["silent_s"]
    silent[:] = np.where(present, 0, silent + np.where(free, watch.step_s, 0))


def lost(watch: RulesWatch) -> Bools:
    """(R,) whose series are taken to be gone."""
    return np.asarray(watch.state["silent_s"] >= max(LOST_S, LOST_STEPS * watch.step_s))


def said_silent(watch: RulesWatch, i: int, now_s: int) -> dict[str, Any]:
    """What is said of row i while its series are silent; nothing where they are not."""
    silent_s = int(watch.state["silent_s"][i])
    if silent_s < max(GONE_S, GONE_STEPS * watch.step_s):
        return {}
    return {"silent_since_s": now_s - silent_s, "reason": f"no sample for {text(silent_s)}: what became of it is unknown"}


def lost_alerts(watch: RulesWatch) -> frozenset[int]:
    """Alerts, by their numbers, all of whose rows are lost."""
    if watch.built is None:
        return frozenset()
    gone = lost(watch)
    return frozenset(watch.built.entity[gone].tolist()) - frozenset(watch.built.entity[~gone].tolist())


def why_lost(watch: RulesWatch) -> str:
    """Why an episode ended."""
    return without_samples(max(LOST_S, LOST_STEPS * watch.step_s))


def without_samples(span_s: float) -> str:
    """Why an episode ended whose series gave no sample for so long."""
    return f"its series is gone: no sample for {text(span_s)}, what became of it is unknown"
