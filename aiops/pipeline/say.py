"""What a runbook's `notify` step tells: one message to one receiver, where the data policy lets the warning go whole."""

from __future__ import annotations

from collections.abc import Collection

from aiops.core.errors import AiopsError
from aiops.core.text import visible
from aiops.pipeline.respond import Surroundings, payload_of, withheld
from aiops.store.responses import Responses

TITLE = 120


def say(
    around: Surroundings, receivers: Collection[str], runs: Responses, run_id: str, receiver: str, message: str, key: str,
    now_s: float,
) -> None:  # fmt: skip
    """Put a message into the outbox, once for each `key`.

    Raises AiopsError for a receiver that is not there, a response or warning that is not known any more, a warning in shadow
    (only local receivers hear of those), and where labels of the warning may not be told: a message may hold any of them.
    """
    if receiver not in receivers:
        raise AiopsError(f"there is no receiver {visible(receiver)}")
    run = runs.run(run_id)
    warning = None if run is None else around.store.warning(run.warning_id)
    if run is None or warning is None:
        raise AiopsError(f"the response {run_id} is not known any more")
    local = receiver in around.local_receivers
    if warning.stage == "shadow" and not local:
        raise AiopsError(f"{receiver} is not told of warnings in shadow")
    seen, decision = around.gate.outbound(warning, "notify", around.gate.location(receiver, local))
    if seen != warning:
        held = withheld(receiver, decision, around.gate.policy.version, "said")
        with around.store.transaction() as tx:
            tx.record("daemon", "notify.denied", run.id, held, now_s)
        raise AiopsError(f"{receiver} may not see every label of this warning: {decision.reason}")
    first, *lines = message.splitlines()
    payload = payload_of(run, "said", visible(first, TITLE), [first, *lines], warning, now_s)
    with around.store.transaction() as tx:
        tx.enqueue(receiver, run.id, key, payload, now_s)
