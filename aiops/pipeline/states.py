"""How many series of a watch are in which state."""

from __future__ import annotations

from aiops.pipeline.mask import masked
from aiops.pipeline.quarantine import refused
from aiops.pipeline.read import held_of
from aiops.pipeline.rules_watch import RulesWatch
from aiops.pipeline.watch import Watch

STALE_STEPS, STALE_AT_LEAST_S = 3, 300


def series_states(watch: Watch, now_s: int) -> dict[str, int]:
    """Series that are active (scored or forecast in the last turn), learning, stale, masked, refused; each counted once.

    Those of rules that are gone are not counted.
    """
    hidden = masked(watch, now_s)
    other_unit = refused(watch, now_s) & ~hidden
    oldest = now_s - max(STALE_STEPS * watch.step_s, STALE_AT_LEAST_S)
    held = held_of(watch, [number for number, feed in enumerate(watch.feeds) if feed.error is None])
    stale = (watch.window.newest_s[: watch.n] < oldest) & ~hidden & ~other_unit
    if held is not None:  # what its sources did not tell, the last turn has neither scored nor forecast
        stale |= held & ~hidden & ~other_unit
    active = watch.evaluated & ~stale & ~hidden & ~other_unit
    learning = ~active & ~stale & ~hidden & ~other_unit
    found = {"active": active, "learning": learning, "stale": stale, "masked": hidden, "refused": other_unit}
    asked = ~watch.gone() if isinstance(watch, RulesWatch) else True
    return {name: int((rows & asked).sum()) for name, rows in found.items()}
