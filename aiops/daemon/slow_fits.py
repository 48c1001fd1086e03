"""What the log says of slow fits without an answer: of which model, how many, and why."""

from __future__ import annotations

import structlog

from aiops.models.second_tier import pool as pools

log = structlog.get_logger()
EVENT = "slow fits have no answer: the first tier speaks for their series"
EVERY_S = 600.0
"""No more often than this; what came of all since is told then."""
WRITE = {
    pools.UNBEGUN: "more second_tier.cpu or workers, a longer second_tier.deadline, or fewer series under slow models",
    pools.LATE: "a longer second_tier.deadline",
    pools.ENDED: "more second_tier.memory, if it was short of that",
}


class SlowFits:
    """Tells what the pool of this process lost, at most every EVERY_S: what a model refused as a remark, for a short past is no
    fault, what time, budget or memory took as a warning, with the setting that gives more of it."""

    def __init__(self) -> None:
        self._said_s = float("-inf")

    def look(self, now_s: float) -> None:
        """Say what is to be said."""
        if 0 <= now_s - self._said_s < EVERY_S:
            return
        for model, count, why in pools.shared().lost():
            self._said_s = now_s
            write = WRITE.get(why.partition(":")[0])
            if write is None:
                log.info(EVENT, model=model, count=count, why=why)
            else:
                log.warning(EVENT, model=model, count=count, why=why, write=write)
