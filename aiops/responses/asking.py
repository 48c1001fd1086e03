"""Asking people: a yes is bound to the exact plan, counts once, and is worth nothing when it comes too late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from aiops.core.durations import rfc3339
from aiops.core.plan_text import plan_line
from aiops.responses.desk import Tools
from aiops.responses.doing import Doing
from aiops.responses.guarding import Guarding, Hindrance
from aiops.responses.procedure import Asking, Unclear, at_least
from aiops.responses.shown import found_lines
from aiops.responses.view import ALL, View, changed, context_with, plan_hash, undo_lines
from aiops.store.response_rows import Question, StepChange, StepRow

LOOK_AGAIN_S = 10.0
"""After a look before the start that did not succeed."""


class Asks:
    """Puts questions, waits for their answers, and begins by a yes after everything was looked at once more."""

    def __init__(self, tools: Tools, guarding: Guarding, doing: Doing) -> None:
        self._tools, self._guarding, self._doing = tools, guarding, doing

    def ask(self, view: View, asking: Asking, row: StepRow) -> bool:
        """Ask for this step, or for all that follow."""
        scope = row.idx if asking.scope == "every_step" else ALL
        return self._put(view, asking, scope, view.context, "")

    def _put(self, view: View, asking: Asking, scope: int, context: Mapping[str, Any], difference: str, **more: Any) -> bool:
        tools, now = self._tools, self._tools.clock()
        expires = self._expires_s(view, asking, now)
        if expires <= now:
            why = "there is no time left for a question before it is too late for the steps"
            return self._unanswered(view, "approval_expired", why, f"{view.run.runbook} was not approved", **more)
        plan = self._plan(view, scope, context)
        refused = refused_in(plan)
        if refused is not None:  # nobody is asked for what would not be done
            why = f"{refused['id']}: {refused['refused']}"
            if view.wrote():
                return tools.give_up(view, why, str(refused["id"]), **more)
            return tools.end(view, "blocked", why, str(refused["id"]), f"{view.run.runbook}: {why}", **more)
        question = Question(len(view.questions), scope, plan_hash(view, plan), now, expires, asking.quorum, tuple(plan))
        who = ", ".join(asking.who)
        title = f"{view.run.runbook} asks {who} for a yes until {rfc3339(expires)}{': ' + difference if difference else ''}"
        lines = [*map(plan_line, plan), *_found(view, more.get("steps", ())), *_impact(view)]
        lines.append(_approve(view))
        messages = tools.told(view, f"asked:{question.n}", title, lines)
        body = {"reminded": False}
        return tools.decide(
            view, "awaiting_approval", difference, ask=question, messages=messages, plan_hash=question.plan_hash,
            deadline_s=expires, body=body, **more,
        )  # fmt: skip

    def _expires_s(self, view: View, asking: Asking, now_s: float) -> float:
        """As the runbook says, but never until it is too late for the steps that change something."""
        situation = self._tools.world.situation(view.run, now_s)
        breach = situation.expected_s if situation is not None else None
        return now_s + asking.expires_s if breach is None else min(now_s + asking.expires_s, breach - view.needed_s())

    def _plan(self, view: View, scope: int, context: Mapping[str, Any]) -> list[dict[str, Any]]:
        indexes = [scope] if scope != ALL else view.open_indexes()
        return self._tools.plan(view, indexes, context)

    def wait(self, view: View) -> bool:
        """A response that waits for an answer."""
        tools, question, now = self._tools, view.question(), self._tools.clock()
        assert question is not None
        name = view.run.runbook
        if question.state == "denied":
            return self._unanswered(view, "approval_denied", f"{question.votes[-1]} said no", f"{name} was denied")
        if question.state == "approved" and now <= question.expires_s:
            return self._start(view, question)
        if now > question.expires_s:
            late = (question, replace(question, state="expired"))
            why = f"nobody answered until {rfc3339(question.expires_s)}"
            if question.votes:
                why = f"{len(question.votes)} of {question.quorum} said yes until {rfc3339(question.expires_s)}"
            return self._unanswered(view, "approval_expired", why, f"{name} was not approved", question=late)
        situation = tools.world.situation(view.run, now)
        if situation is None or not situation.open:
            return self._hindered(view, question, Hindrance("cleared_before_action", "cleared", "the warning ended"))
        if not view.run.body.get("reminded") and now >= (question.asked_s + question.expires_s) / 2:
            title = f"{name} still waits for a yes, until {rfc3339(question.expires_s)}"
            messages = tools.told(view, f"reminder:{question.n}", title, [*_impact(view), _approve(view)])
            return tools.decide(view, view.run.state, messages=messages, body={"reminded": True})
        return False

    def _unanswered(self, view: View, state: str, why: str, tell: str, **more: Any) -> bool:
        """Nobody lets it go on; whether what an earlier answer let it do stays is for a person to say."""
        if undo_lines(view):
            return self._tools.page(view, f"{why}, and part of it is done", "approval", **more)
        return self._tools.end(view, state, why, tell=tell, **more)

    def _start(self, view: View, question: Question) -> bool:
        """Somebody said yes: is it still needed, allowed, and the same plan?"""
        tools, now = self._tools, self._tools.clock()
        if tools.stopped() or view.run.body.get("look_again_s", 0.0) > now:
            return False
        if not at_least(view.mode, "approve"):
            return self._hindered(view, question, Hindrance("suggested", "mode", f"its mode is {view.mode} now"))
        found = self._guarding.outside(view) or self._guarding.required(view)
        if found is not None:
            return self._hindered(view, question, found)
        try:
            fresh = self._read_again(view)
            context = context_with(view, {row.step_id: out for row, out in fresh})
            plan = self._plan(view, question.scope, context)
        except Unclear as e:
            why = f"the look before the start failed: {e}"
            tools.decide(view, view.run.state, why, body={"look_again_s": now + LOOK_AGAIN_S})
            return False
        steps = tuple(changed(row, result={"output": out}) for row, out in fresh)
        if plan_hash(view, plan) != question.plan_hash:
            return self._changed(view, question, steps, context, difference(question.plan, plan))
        used = (question, replace(question, state="used"))
        return tools.decide(view, "running", steps=steps, question=used, unless_killed=True)

    def _changed(
        self, view: View, question: Question, steps: tuple[StepChange, ...], context: Mapping[str, Any], why: str
    ) -> bool:
        """What would be done is no longer what the yes was for: ask again, and say what differs."""
        asking, void = view.procedure.asking, (question, replace(question, state="void"))
        assert asking is not None
        why = f"what it would do has changed: {why}"
        return self._put(view, asking, question.scope, context, why, steps=steps, question=void)

    def _hindered(self, view: View, question: Question, found: Hindrance) -> bool:
        """Nothing is done after all; who said yes is told."""
        void = (question, replace(question, state="void"))
        if undo_lines(view):  # an earlier answer let it do something
            return self._tools.page(view, f"{found.why}, and part of it is done", found.because, question=void)
        tell = f"{view.run.runbook} does nothing: {found.why}" if question.votes else ""
        return self._tools.end(view, found.state, found.why, found.because, tell, question=void)

    def _read_again(self, view: View) -> list[tuple[StepRow, dict[str, Any]]]:
        """What the steps that only read find now. Raises Unclear when one does not come to an end."""
        out: list[tuple[StepRow, dict[str, Any]]] = []
        for row in view.forward():
            facts = view.facts_of(row)
            if row.state != "DONE" or facts.klass != "pure" or facts.uses == "wait":
                continue
            context = context_with(view, {one.step_id: found for one, found in out})
            rendered = view.procedure.language.given(row.idx, context)
            if rendered.refused:
                raise Unclear(f"{row.step_id}: {rendered.refused}")
            if facts.uses == "compute":
                out.append((row, dict(rendered.given)))
                continue
            result = self._doing.effect(view, replace(row, given=rendered.given), facts.timeout_s)
            if result.end != "done":
                raise Unclear(f"{row.step_id}: {result.why or result.end}")
            out.append((row, dict(result.output)))
        return out


def _found(view: View, anew: Sequence[StepChange]) -> list[str]:
    """What the steps found that only looked; `anew`: what they found just now."""
    fresh = {change.old.idx: change.new for change in anew}
    return found_lines(fresh.get(row.idx, row) for row in view.looked())


def _impact(view: View) -> list[str]:
    """What it means for users when nothing is done."""
    impact = str(view.run.facts.get("impact", ""))
    return [f"Impact: {impact}"] if impact else []


def _approve(view: View) -> str:
    return f"Approve: aiops responses approve {view.run.id}"


def refused_in(plan: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The first step of a plan that would surely be refused; None when there is none. A step with a condition that nobody can
    tell yet may never be reached."""
    return next((one for one in plan if one.get("refused") and (one["known"] or not one.get("if"))), None)


def difference(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> str:
    """The first step of two plans that is not the same, in words."""
    for old, new in zip(before, after, strict=False):
        if dict(old) != dict(new):
            return f"{new['id']} was {old['what']}, is {new['what']}"
    return "other steps"
