"""Afterwards: did it help? No data is not good; what did not help is taken back, newest first."""

from __future__ import annotations

from aiops.responses.desk import Tools, asked
from aiops.responses.doing import Doing
from aiops.responses.procedure import Requirement, Unclear, Verifying
from aiops.responses.view import View, undo_lines

LOOKS_EVERY_S = 5.0
GOOD, BAD, UNKNOWN = "good", "bad", "unknown"


class Verifies:
    """Judges what was done until it held for as long as it must, or time is up."""

    def __init__(self, tools: Tools, doing: Doing) -> None:
        self._tools, self._doing = tools, doing
        self._looked: dict[str, float] = {}

    def look(self, view: View) -> bool:
        """One look at everything that must hold."""
        verify, now = view.procedure.verify, self._tools.clock()
        if verify is None:
            return self._tools.end(view, "succeeded", "")
        until = view.run.deadline_s or now
        last = self._looked.get(view.run.id)
        if now < until and last is not None and 0 <= now - last < LOOKS_EVERY_S:
            return False
        self._looked[view.run.id] = now
        before = dict(view.run.body.get("held", {}))
        found = {one.name: self._judge(view, one) for one in verify.all}
        held = {name: before.get(name, now) for name, (how, _) in found.items() if how == GOOD}
        if all(one.name in held and now - held[one.name] >= one.for_s for one in verify.all):
            return self._ended(view, "succeeded", "")
        if now >= until:
            return self._time_is_up(view, verify, found, held)
        if held != before:
            self._tools.decide(view, "verifying", body={"held": held})
        return False

    def _judge(self, view: View, one: Requirement) -> tuple[str, str]:
        """(good, bad or unknown; the words)."""
        if one.forecast:
            situation = self._tools.world.situation(view.run, self._tools.clock())
            if situation is None:
                return UNKNOWN, f"{one.name!r} is not known: the warning is gone"
            if situation.clear is None:
                return UNKNOWN, f"{one.name!r} is not known: {situation.ended or 'nothing new is known of the warning'}"
            return (GOOD, "") if situation.clear else (BAD, f"{one.name!r}: {situation.ended or 'the forecast still crosses'}")
        try:
            values = asked(self._tools, one.promql, view)
        except Unclear as e:
            return UNKNOWN, f"{one.name!r} cannot be asked: {e}"
        bad = [value for value in values if not view.procedure.language.holds(value, one.expect)]
        if not values:
            return UNKNOWN, f"{one.name!r} got no data"
        return (BAD, f"{one.name!r} wants {one.expect} and got {bad[0]:g}") if bad else (GOOD, "")

    def _time_is_up(
        self, view: View, verify: Verifying, found: dict[str, tuple[str, str]], held: dict[str, float]
    ) -> bool:
        short = [one for one in verify.all if one.name in held]
        open_ = [one for one in verify.all if one.name not in held]
        if not short and open_ and all(found[one.name][0] == UNKNOWN for one in open_) and verify.keep_if_unknown:
            return self._ended(view, "succeeded", "it is kept, though it could not be judged")
        if verify.keep_if_unknown and all(found[one.name][0] != BAD for one in verify.all):
            return self._ended(view, "succeeded", "it is kept, though not all of it could be judged")
        first = (open_ or short)[0]
        why = found[first.name][1] or f"{first.name!r} did not hold for long enough"
        if not undo_lines(view):
            return self._ended(view, "verify_failed", why, first.name)
        return self._tools.back(view, why, first.name, f"{view.run.runbook} did not help, and is taken back: {why}")

    def _ended(self, view: View, state: str, why: str, because: str = "") -> bool:
        self._looked.pop(view.run.id, None)
        words = {"succeeded": "helped" if view.wrote() else "is done", "verify_failed": "did not help"}[state]
        title = f"{view.run.runbook} {words}{': ' + why if why else ''}"
        return self._tools.end(view, state, why, because, tell=title if view.wrote() else "")

    def take_back(self, view: View) -> bool:
        """The next line of taking steps back; at the end it is undone."""
        row, body = view.next_step(), view.run.body
        because, why = str(body.get("because", "")), str(body.get("back", ""))
        if row is None and not view.backward():  # a person's word was the first of it
            if not undo_lines(view):
                return self._tools.page(view, "nothing of it can be taken back", because)
            return self._tools.back(view, why, because, f"{view.run.runbook} is taken back: {why}")
        if row is None:
            return self._tools.end(view, "undone", why, because, f"{view.run.runbook} was taken back: {why}")
        if row.state == "INTENT":
            return self._doing.recover(view, row)
        if view.run.body.get("retry_at_s", 0.0) > self._tools.clock() or self._tools.stopped():
            return False
        try:
            rendered = view.procedure.language.undo(view.procedure.index(row.step_id), view.context)
        except Unclear as e:
            return self._tools.page(view, f"{row.step_id} cannot be taken back: {e}", row.step_id)
        if rendered.refused:
            return self._tools.page(view, f"{row.step_id} cannot be taken back: {rendered.refused}", row.step_id)
        return self._doing.begin(view, row, rendered)
