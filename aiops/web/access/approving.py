"""Saying yes to a plan with a login or a token: to what cannot be undone only by somebody who has logged in just now."""

from __future__ import annotations

from aiops.daemon.daemon import Daemon
from aiops.responses.people import Unheard
from aiops.store.response_rows import Question
from aiops.web.access.access import Caller


class LogInAgain(Unheard):
    """A yes that takes a fresh login."""

    def __init__(self, run_id: str) -> None:
        super().__init__(f"it cannot be undone: log in again and say so, or use aiops responses approve {run_id}", 403)


def approve(daemon: Daemon, caller: Caller, run_id: str, plan_hash: str = "", confirm: str = "") -> Question:
    """Say yes as `caller`. Raises Unheard; LogInAgain where a step cannot be undone and they logged in too long ago.

    `confirm`: the runbook's name, typed, where nobody else looks at it. A program never says yes to what cannot be undone; the
    daemon's own token may, for who reads it may write the data directory as well.
    """
    now, responding = daemon.clock(), daemon.responding
    run = responding.runs.run(run_id)
    if run is not None and caller.via != "token" and cannot_be_undone(responding.runs.questions(run.id)):
        if caller.via == "machine":
            raise Unheard("it cannot be undone: a person must log in and say so", 403)
        if now - caller.since_s > daemon.settings.web.fresh:
            raise LogInAgain(run.id)
    return responding.people.approve(run_id, caller.name, now, plan_hash, confirm, caller.groups)


def cannot_be_undone(questions: list[Question]) -> bool:
    """Whether what is asked about now holds a step that cannot be undone."""
    return bool(questions) and any(one.get("irreversible") for one in questions[-1].plan)
