"""Before anything is done: what must hold, how often it may run, and whether it is still needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aiops.core.durations import rfc3339
from aiops.responses import limits
from aiops.responses.desk import Tools, asked
from aiops.responses.procedure import Requirement, Unclear, at_least
from aiops.responses.view import View
from aiops.store.response_rows import Charge, Decision


@dataclass(frozen=True, slots=True)
class Hindrance:
    """What stands against going on: the state it leads to, its short name and the words."""

    state: str
    because: str
    why: str


class Guarding:
    """Asks and counts before a response begins, and asks again before it changes something."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def guard(self, view: View) -> bool:
        """From matched to guarded, charged in the same transaction; or blocked."""
        tools, run, p = self._tools, view.run, view.procedure
        if view.mode == "shadow":
            return tools.end(view, "shadowed", "its mode is shadow: what it would do is only recorded")
        found = self.outside(view) or self.required(view)
        if found is not None:
            return tools.end(view, found.state, found.why, found.because)
        if not p.writes or not at_least(view.mode, "approve"):
            return tools.decide(view, "guarded")
        now, bounds = tools.clock(), tools.bounds
        charge = Charge(run.id, run.runbook, run.target, p.limits.kind, now, p.limits.cooldown_s)
        spread = tools.world.spread(run)

        def judge(charged: Sequence[Charge]) -> Decision | None:
            no = limits.refused(p.limits, charge, charged, spread, bounds.loop, bounds.storm_percent)
            if no is None:
                return Decision(run, "guarded", "", deadline_s=view.run.deadline_s)
            if no.wait:
                return None
            title = f"{run.runbook} does not run: {no.why}"
            messages = tools.told(view, "blocked", title, key=no.key) if no.because != "cooldown" else ()
            return Decision(run, "blocked", no.why, body={"because": no.because}, messages=messages)

        since = now - limits.looks_back_s(p.limits)
        return tools.runs.charge(charge, since, judge, tools.lease.epoch, now)

    def outside(self, view: View) -> Hindrance | None:
        """What the warning, people and the calendar say against it."""
        situation = self._tools.world.situation(view.run, self._tools.clock())
        if situation is None or not situation.open:
            return Hindrance("cleared_before_action", "cleared", "the warning ended before anything was done")
        if situation.unseen_s is not None:
            return Hindrance("blocked", "stale", f"nothing new is known of the warning since {rfc3339(situation.unseen_s)}")
        if situation.handled_by:
            return Hindrance("blocked", "handled", f"{situation.handled_by} has taken it over")
        mask = self._tools.world.masked(view.run, self._tools.clock()) if view.mode == "auto" else ""
        if mask:  # somebody works there, or expects what is seen: whoever is asked may know better, nothing acts alone
            return Hindrance("blocked", mask, f"the mask {mask} lasts: nothing acts alone meanwhile")
        window = self._tools.world.window(view.procedure.limits.skip_during, view.run, self._tools.clock())
        return Hindrance("blocked", window, f"the window {window} lasts") if window else None

    def required(self, view: View) -> Hindrance | None:
        """The first requirement that does not hold; no data holds nothing."""
        for need in view.procedure.require:
            why = self._lacks(view, need)
            if why:
                return Hindrance("blocked", need.name, why)
        return None

    def _lacks(self, view: View, need: Requirement) -> str:
        try:
            values = asked(self._tools, need.promql, view)
        except Unclear as e:
            return f"{need.name!r} cannot be asked: {e}"
        bad = [value for value in values if not view.procedure.language.holds(value, need.expect)]
        if values and not bad:
            return ""
        return f"{need.name!r} wants {need.expect} and got {f'{bad[0]:g}' if bad else 'no data'}"
