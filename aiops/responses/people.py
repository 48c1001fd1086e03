"""What people say about responses: yes, no, stop, and what became of a step that nobody else can tell.

Who speaks is known by a credential, never by what is said. Each word is one transaction that compares before it sets: of two
who speak at once one is heard, and the other is told so.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from aiops.core.durations import rfc3339
from aiops.core.errors import AiopsError
from aiops.responses.view import UNDO, acted
from aiops.responses.words import WORDS, Word, doubtful, offered
from aiops.store.response_rows import Decision, Question, Run, StepChange, StepRow
from aiops.store.responses import Responses

GIVEN_S = 600.0
_MEANT = {"done": "is done", "again": "is done again", "undo": "is taken back", "undo_before": "did not take effect"}
_BECOMES = {"done": "DONE", "again": "PENDING", "undo": "DONE", "undo_before": "FAILED"}
NOTE_AT_MOST = 500


class Unheard(AiopsError):
    """What somebody said has no effect, and why. `status` is HTTP's word for it."""

    def __init__(self, why: str, status: int = 409) -> None:
        super().__init__(why)
        self.status = status


class People:
    """Takes what people say. `groups`: people by the names of groups; `alone`: a single person may say yes to anything."""

    def __init__(self, runs: Responses, groups: Mapping[str, Sequence[str]] | None = None, alone: bool = False) -> None:
        self._runs, self._groups, self.alone = runs, groups or {}, alone

    def approve(
        self, run_id: str, who: str, now_s: float, plan_hash: str = "", confirm: str = "", groups: Collection[str] = ()
    ) -> Question:
        """Say yes to the plan that is asked about, `plan_hash` if it is given. The same yes twice is one. Raises Unheard.

        Nobody approves what they wrote; who is alone, and whoever approves what nobody knows the writer of, types the runbook's
        name (`confirm`), and the ledger says so. `groups`: what else they are known to be in.
        """
        run = self._run(run_id)
        question = self._asked(run, who)
        if plan_hash and plan_hash != question.plan_hash:
            raise Unheard("the plan has changed since it was shown; look at it again")
        if who in question.votes and question.state in ("waiting", "approved", "used"):
            return question
        self._may(run, who, groups)
        self._waits(run, question, now_s)
        own = self._own(run, who, confirm)
        votes = (*question.votes, who)
        state = "approved" if len(votes) >= self.needed(run, question) else "waiting"
        return self._vote(run, question, replace(question, votes=votes, state=state), now_s, who, own=own)

    def deny(self, run_id: str, who: str, now_s: float, note: str = "", groups: Collection[str] = ()) -> Question:
        """Say no: one is enough. Raises Unheard."""
        run = self._run(run_id)
        question = self._asked(run, who)
        if question.state == "denied" and question.votes[-1:] == (who,):
            return question
        self._may(run, who, groups)
        self._waits(run, question, now_s, until_used=True)
        return self._vote(run, question, replace(question, votes=(*question.votes, who), state="denied"), now_s, who, note)

    def cancel(self, run_id: str, who: str, now_s: float) -> Run:
        """End a response before its next step; what runs now comes to its end. Raises Unheard."""
        run = self._run(run_id)
        if run.ended:
            raise Unheard(f"it has ended: {run.state}")
        said = {"by": who}
        if any(row.state == "INTENT" for row in self._runs.steps(run.id)):
            d = Decision(run, run.state, f"{who} cancels it", body={"cancel": who}, deadline_s=run.deadline_s, detail=said)
        else:
            d = Decision(run, "cancelled", f"{who} cancelled it", body={"because": "cancelled"}, detail=said)
        return self._kept(run, d, now_s, who)

    def resolve(
        self, run_id: str, word: Word, who: str, now_s: float, note: str = "", groups: Collection[str] = ()
    ) -> Run:
        """Say what became of the step that needs a person, and how it goes on: `offered` has the words. Raises Unheard.

        By `undo` the step is taken back with all that was done before it, newest first; by `undo_before` only what was done
        before: it did not take effect itself.
        """
        run = self._run(run_id)
        if word not in WORDS:
            raise Unheard(f"{word!r} is none of {', '.join(WORDS)}", 422)
        rows = self._runs.steps(run.id)
        may = offered(run, rows)
        if not may:
            raise Unheard(f"it needs nobody: {run.state}")
        self._may(run, who, groups)
        said = {"by": who, "word": word, **({"note": note[:NOTE_AT_MOST]} if note else {})}
        if word not in may:
            raise Unheard(f"{word} would do nothing here; say {' or '.join(may)}")
        if word == "stop":
            return self._kept(run, Decision(run, "cancelled", f"{who} leaves it so", detail=said), now_s, who)
        return self._kept(run, _resolved(run, rows, word, who, now_s, said), now_s, who)

    def _run(self, run_id: str) -> Run:
        run = self._runs.run(run_id)
        if run is None:
            raise Unheard(f"no response {run_id}; `aiops responses list` shows what there is", 404)
        return run

    def _asked(self, run: Run, who: str) -> Question:
        questions = self._runs.questions(run.id)
        if not questions:
            raise Unheard(f"nothing is asked about it: {run.state}")
        return questions[-1]

    def _may(self, run: Run, who: str, groups: Collection[str]) -> None:
        asking = run.facts.get("asking")
        allowed = asking["who"] if asking else ()
        if asking and not any(self._is(who, groups, one) for one in allowed):
            raise Unheard(f"{who} may not: it asks {', '.join(allowed)}", 403)

    def _is(self, who: str, groups: Collection[str], one: str) -> bool:
        kind, _, name = one.partition(":")
        return who == name if kind == "user" else name in groups or who in self._groups.get(name, ())

    def _own(self, run: Run, who: str, confirm: str) -> bool:
        """Whether this yes may be to what nobody else looked at: that must be meant; where there are others it is not heard."""
        editor = editor_of(run)
        if not self.alone and editor == who:
            raise Unheard(f"{who} wrote this revision of {run.runbook}: somebody else must say yes", 403)
        if editor not in ("", who):
            return False
        if confirm.strip() != run.runbook:
            why = "nobody else looks at it" if self.alone else "its file does not say who wrote it (owner.edited_by)"
            raise Unheard(f"{why}: confirm by typing its name, {run.runbook}", 422)
        return True

    def needed(self, run: Run, question: Question) -> int:
        """How many must say yes: what the question says; one where two are asked for what cannot be undone, the file names no
        number, and there are no two who might."""
        asking = run.facts.get("asking") or {}
        if asking.get("quorum") is not None:
            return question.quorum
        might: set[str] = set()
        for one in asking.get("who", ()):
            kind, _, name = one.partition(":")
            if kind != "user" and name not in self._groups:
                might |= {f"somebody of {name}", f"and another of {name}"}  # as an identity provider says of people who come
            might |= {name} if kind == "user" else set(self._groups.get(name, ()))
        return 1 if self.alone or len(might) < 2 else question.quorum

    def _waits(self, run: Run, question: Question, now_s: float, until_used: bool = False) -> None:
        """Whether an answer still counts: nobody answered before, and in time."""
        open_ = ("waiting", "approved") if until_used else ("waiting",)
        if question.state not in open_:
            by = f" by {', '.join(question.votes)}" if question.votes else ""
            raise Unheard(f"it was answered{by}: {question.state}")
        if run.state != "awaiting_approval":
            raise Unheard(f"nothing is asked about it any more: {run.state}")
        if now_s > question.expires_s:
            raise Unheard(f"too late: it was asked until {rfc3339(question.expires_s)}")

    def _vote(
        self, run: Run, old: Question, new: Question, now_s: float, who: str, note: str = "", own: bool = False
    ) -> Question:
        detail: dict[str, Any] = {"plan_hash": new.plan_hash, "votes": list(new.votes), "quorum": new.quorum}
        if note:
            detail["note"] = note[:NOTE_AT_MOST]
        if own:
            detail["self_approved"] = True
        if not self._runs.vote(run, old, new, now_s, who, detail):
            self._waits(self._run(run.id), self._asked(run, who), now_s)
            raise Unheard("somebody else answered at the same moment; look again")
        return new

    def _kept(self, run: Run, d: Decision, now_s: float, who: str) -> Run:
        if not self._runs.decide(d, None, now_s, who):
            raise Unheard("it went on at the same moment; look again")
        return self._run(run.id)


def editor_of(run: Run) -> str:
    """Who wrote the revision of the runbook that a response is of; empty where its file does not say."""
    owner = run.snapshot.get("runbook", {}).get("owner", {})
    return str(owner.get("edited_by", ""))


def _resolved(run: Run, rows: Sequence[StepRow], word: Word, who: str, now_s: float, said: Mapping[str, Any]) -> Decision:
    """What a person's word about a step makes of its response."""
    row = doubtful(rows)
    back = word in ("undo", "undo_before")
    state = "undoing" if back or (row is not None and row.idx >= UNDO) else "running"
    why = f"{who}: {'what was done is taken back' if row is None else f'{row.step_id} {_MEANT[word]}'}"
    rest = sum(row is None or one.idx >= row.idx or back for one in rows)
    steps = (StepChange(row, replace(row, state=_BECOMES[word], why=why)),) if row is not None else ()
    body = {"because": who, "back": why} if back else {}
    took = row is not None and _BECOMES[word] == "DONE" and row.klass != "pure"
    heard = (acted(run, row, now_s),) if row is not None and took else ()
    until = now_s + GIVEN_S * (rest + 1)
    return Decision(run, state, why, steps=steps, body=body, deadline_s=until, said=heard, detail=said)
