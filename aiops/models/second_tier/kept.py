"""What a pool was asked for and has not told yet, as arrays beside the hot state: a restart loses no answer and changes none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import orjson

from aiops.core.records import State
from aiops.models.second_tier.pool import Job, Pool

HEADS, VALUES, FOUND, SIZES = "second.heads", "second.values", "second.found", "second.sizes"
NAMES = (HEADS, VALUES, FOUND, SIZES)
NOT_DONE = -1


def pending(states: Iterable[State]) -> Iterator[bytes]:
    """The keys of the jobs that rows of learnt states wait for, each once."""
    seen = set[bytes]()
    for state in states:
        if "asked_s" in state and "key" in state:
            seen |= {key.tobytes() for key in state["key"][np.isfinite(state["asked_s"])]}
    yield from sorted(seen)


def put(pool: Pool, states: Iterable[State]) -> State:
    """The jobs that `states` wait for, and their answers, as arrays of numbers; nothing where they wait for none.

    `heads`: JSON of function and settings; `values`, `found`: of all jobs, one after the other; `sizes` (jobs, 2): how many of
    each are a job's own, `NOT_DONE` answers where there is none yet, 0 where it failed.
    """
    known = [one for one in map(pool.kept, pending(states)) if one is not None]
    if not known:
        return {}
    answers = [np.zeros(0) if found is None else found for _, found in known]
    sizes = [(len(job.values), NOT_DONE if found is None else len(found)) for job, found in known]
    heads = b"\n".join(orjson.dumps(job.head, option=orjson.OPT_SORT_KEYS) for job, _ in known)
    return {
        HEADS: np.frombuffer(heads, np.uint8), VALUES: np.concatenate([job.values for job, _ in known]),
        FOUND: np.concatenate(answers), SIZES: np.array(sizes, np.int64),
    }  # fmt: skip


def take_up(pool: Pool, saved: State) -> None:
    """Give a pool what `put` told; what was not done then is done now. The arrays are taken out of `saved`."""
    parts = {name: saved.pop(name, None) for name in NAMES}
    heads, values, found, sizes = (parts[name] for name in NAMES)
    if heads is None or values is None or found is None or sizes is None:
        return
    at = told = 0
    for line, (many, answers) in zip(heads.tobytes().splitlines(), sizes.tolist(), strict=True):
        head = orjson.loads(line)
        job = Job(head["kind"], np.ascontiguousarray(values[at : at + many]), head["settings"])
        pool.adopt(job, None if answers == NOT_DONE else found[told : told + max(0, answers)].copy())
        at, told = at + many, told + max(0, answers)
