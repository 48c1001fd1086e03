"""From open warnings to responses: which runbooks fit, how far they may go, and what the engine asks of its surroundings."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from aiops.config.responses import Mode, ResponseSettings
from aiops.config.routing import Route
from aiops.core.durations import rfc3339, text
from aiops.core.errors import SourceError
from aiops.core.labels import fingerprint, key, subset
from aiops.core.records import CROSSED, GONE, SOME_STAYED, STAYED, TIMED, EarlyWarning, Stage
from aiops.core.text import visible
from aiops.governance.decide import Decision
from aiops.governance.gate import Gate
from aiops.notify import wording
from aiops.notify.clock import UTC_CLOCK, Clock
from aiops.notify.message import ASKS, facts_of, routed, wrong_line
from aiops.pipeline.procedures import procedure_of, runbook_of, snapshot_of
from aiops.responses import switch
from aiops.responses.procedure import Procedure, Unclear, lowest
from aiops.responses.view import lines_of
from aiops.responses.world import Situation, Spread
from aiops.runbooks import Runbook
from aiops.runbooks.expressions import query_for, render
from aiops.runbooks.match import Refusal, Subject, context_of, refusals
from aiops.runbooks.reach import MODE_OF_STAGE, after
from aiops.store import Store
from aiops.store.codec import to_json
from aiops.store.response_rows import Message, Run
from aiops.store.responses import Responses
from aiops.telemetry.link import Link

AHEAD_S = 300.0
"""A warning that opened further in the future than this comes from a clock that is wrong."""
NEXT = {
    "verify_failed": "look at it yourself, what it did stays and did not help",
    "undone": "look at it yourself, what it did is taken back and the warning stands",
    "blocked": "look at it yourself, nothing was done", "target_gone": "look at it yourself, what it acts on is gone",
    "approval_expired": "look at it yourself, nothing was done", "approval_denied": "look at it yourself, nothing was done",
    "needs_a_person": "look at it and say what is true, by `aiops responses resolve` or on its page",
    "suggested": "what it would do, by yourself: it changes nothing",
}  # fmt: skip
"""What is left to do for a person while the warning is open, by what a response came to."""
UNSEEN_S, UNSEEN_STEPS = 1800.0, 10
"""A warning of which no turn has said anything for so long, and so many turns of its card, is not acted on."""
TOLD_FOR_S = 3600.0
REMEMBERED, IMPACT_SHOWN = 256, 400


@dataclass(slots=True)
class Surroundings:
    """What is around responses.

    `links`: sources by name. `watched`: how many entities a card watches, None = not known. `lasting`: whether a window lasts
    for a response now, None = there is none of that name. `masked`: which mask lasts for it. `episode_url`: where the page of a
    warning is, by its id, `wrong_url`: where its reader calls it wrong; None = nowhere. `clocks`: on whose clock a receiver
    reads times.
    """

    store: Store
    settings: ResponseSettings
    data_dir: Path | None
    routes: Sequence[Route]
    gate: Gate
    links: Mapping[str, Link] = field(default_factory=dict)
    local_receivers: Collection[str] = frozenset()
    watched: Callable[[str], int | None] = field(default=lambda card: None)
    lasting: Callable[[str, Run, float], bool | None] = field(default=lambda name, run, now_s: None)
    masked: Callable[[Run, float], str] = field(default=lambda run, now_s: "", kw_only=True)
    episode_url: Callable[[str], str] | None = None
    wrong_url: Callable[[str], str] | None = None
    clocks: Mapping[str, Clock] = field(default_factory=dict)


class Around:
    """The engine's world, of everything this daemon knows."""

    def __init__(self, around: Surroundings) -> None:
        self._a = around
        self._known: OrderedDict[tuple[str, str], Procedure] = OrderedDict()

    def procedure(self, snapshot: Mapping[str, Any]) -> Procedure:
        """The runbook of a response, as it was when it was matched. Raises Unclear."""
        name = snapshot["runbook"]["name"], snapshot["sha"]
        if name not in self._known:
            self._known[name] = procedure_of(runbook_of(snapshot))
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return self._known[name]

    def situation(self, run: Run, now_s: float) -> Situation | None:
        """What its warning is like now."""
        warning = self._a.store.warning(run.warning_id)
        if warning is None:
            return None
        said = self._a.store.statements(kind="action", warning_id=warning.id)
        by = next((one.who for one in said if "response" not in one.body), "")
        expected = None if warning.crossing is None else warning.crossing.expected_s
        unseen = unseen_s(warning, now_s)
        return Situation(warning.state == "open", _clear(warning, unseen), expected, by, unseen, warning.closed_why)

    def values(self, promql: str, run: Run, now_s: float) -> list[float]:
        """What a query gives for its target at the first of its sources that has an answer. Raises Unclear, also where the
        warning lacks a label of its target: without that matcher the query would be about more than it."""
        whole = run.facts["context"]["target"]
        missing = [name for name in run.snapshot["runbook"].get("target_by", ()) if not whole.get(name)]
        if "$target" in promql and missing:
            raise Unclear(f"the warning has no label {', '.join(missing)}, so that $target would match more than its target")
        failed = ""
        for name in run.facts["sources"]:
            link = self._a.links.get(name)
            if link is None:
                failed = failed or f"there is no source {name}"
                continue
            target = {k: v for k, v in run.facts["context"]["target"].items() if link.labels.get(k) != v}
            try:
                found = _newest(link, query_for(promql, target, list(target)), now_s)
            except SourceError as e:
                failed = failed or str(e)
                continue
            if found:
                return found
        if failed:
            raise Unclear(failed)
        return []

    def late_s(self, run: Run) -> float:
        """The lateness of the slowest of its sources."""
        links = (self._a.links.get(name) for name in run.facts["sources"])
        return max((link.lateness_s for link in links if link is not None), default=0.0)

    def mode(self, run: Run) -> Mode:
        """How far it may go now: the configuration's ceiling, what its card has earned by now, and what itself has lost."""
        warning = self._a.store.warning(run.warning_id)
        if warning is None:
            return "shadow"
        return self.mode_for(warning, run.runbook, str(run.facts["team"]))

    def mode_for(self, warning: EarlyWarning, runbook: str, team: str) -> Mode:
        """How far a runbook may go for a warning, whatever its file says."""
        ceiling = self._a.settings.ceiling_of({**facts_of(warning), "team": team, "runbook": runbook})
        return earned(self._a.store, runbook, ceiling, warning.stage)

    def window(self, names: Sequence[str], run: Run, now_s: float) -> str:
        """Which of these windows lasts now; one that nobody defined always does."""
        return next((name for name in names if self._a.lasting(name, run, now_s) is not False), "")

    def masked(self, run: Run, now_s: float) -> str:
        """Which mask, a silence too, lasts for its warning now."""
        return self._a.masked(run, now_s)

    def spread(self, run: Run) -> Spread:
        """How many entities of its card show its symptom."""
        known = self._a.store.open_warnings(run.card)
        alike = (w for w in known if not w.members and w.kind == run.facts["kind"])
        showing = {key(w.entity) for w in alike}
        return Spread(len(showing), self._a.watched(run.card))

    def killed(self) -> str:
        """Why nothing may be begun here."""
        if not self._a.settings.enabled:
            return "responses are switched off in the configuration"
        folder = self._a.data_dir
        there = folder is not None and (folder / switch.FILE).exists()
        return f"there is a file {switch.FILE} in the data directory" if there else ""

    def messages(
        self, run: Run, event: str, title: str, lines: Sequence[str], now_s: float, key: str = ""
    ) -> tuple[Message, ...]:
        """One message for every receiver of its warning; where labels must not be seen, none stands in it, as the ledger says."""
        a, out = self._a, []
        warning = a.store.warning(run.warning_id)
        why = switch.why_on(Responses(a.store), a.data_dir)
        stopped = [f"The kill switch is on, nothing is begun: {visible(why)}"] if why else []
        links = {} if a.episode_url is None else {"episode_url": a.episode_url(run.warning_id)}
        page = [f"{'Answer' if event.startswith(ASKS) else 'Episode'}: {one}" for one in links.values()]
        wrong = [f"Wrong: {wrong_line(run.warning_id) if a.wrong_url is None else a.wrong_url(run.warning_id)}"]
        for name in routed(warning, a.routes) if warning is not None else ():
            if warning is None or (warning.stage == "shadow" and name not in a.local_receivers):
                continue
            seen, decision = a.gate.outbound(warning, "notify", a.gate.location(name, name in a.local_receivers))
            whole = seen is warning  # a single label that was masked may stand anywhere in what is said
            held = {} if whole else withheld(name, decision, a.gate.policy.version, event)
            if seen is None:
                out.append(Message(name, run.id, "", {}, held))
                continue
            clock = a.clocks.get(name, UTC_CLOCK)
            told = clock.told(title, now_s) if whole else f"{run.runbook}: {event.partition(':')[0].replace('_', ' ')}"
            told = f"{wording.subject(seen)}: {told}"  # whoever is woken by it reads first what it is about
            about = [*_about(seen, now_s, clock), *(wrong if seen.state == "open" else ())]
            own = [clock.told(line, now_s) for line in lines] if whole else []
            do = NEXT.get(event.partition(":")[0]) if seen.state == "open" else None
            text = [*own, *([f"Do: {do}"] if do else []), *page, *stopped, *about, f"More: aiops responses show {run.id}"]
            payload = payload_of(run, event, told, text, seen, now_s) | links
            out.append(Message(name, run.id, key or f"{run.id}:{event}:{run.version}", payload, held))
        return tuple(out)


def withheld(receiver: str, decision: Decision, policy: str, event: str) -> dict[str, str]:
    """What the ledger says of a message of which a receiver may not see everything."""
    about = event.partition(":")[0]
    return {"receiver": receiver, "event": about, "rule": decision.rule, "why": decision.reason, "policy": policy}


def _about(warning: EarlyWarning, now_s: float, clock: Clock) -> Iterator[str]:
    """What it is a response to: the title of the warning, until when something can be done, how sure it is."""
    yield f"About: {wording.title(warning, now_s, clock)}"
    if before := wording.act_before(warning, now_s, clock):
        yield f"Act before: {before}"
    yield f"How sure: {wording.sure(warning)}; {wording.record(warning)}"


def payload_of(
    run: Run, event: str, title: str, lines: Sequence[str], warning: EarlyWarning, now_s: float
) -> dict[str, Any]:
    """A message about a response, as receivers take it."""
    return {
        "version": 1, "event": "response", "at_s": now_s, "ends_at_s": now_s + TOLD_FOR_S, "title": title,
        "text": "\n".join(lines), "record": "", "impact": "", "verdict": "", "judged_at_s": None, "warning": to_json(warning),
        "response": {"id": run.id, "runbook": run.runbook, "sha": run.sha, "event": event.partition(":")[0]},
    }  # fmt: skip


def _newest(link: Link, query: str, now_s: float) -> list[float]:
    """The values of a query at the newest whole second."""
    at = int(now_s - link.lateness_s)
    piece = link.ask(query, at, at, 1)
    columns = [values[:, -1] for _, values in piece.layers if values.size]
    return [float(v) for column in columns for v in column[np.isfinite(column)]]


class Responder:
    """Begins a response for every open warning that a runbook fits, once for each runbook, target and episode."""

    def __init__(self, runs: Responses, world: Around, runbooks: Iterable[Runbook]) -> None:
        self._runs, self._world = runs, world
        self.runbooks = [one for one in runbooks if one.enabled and one.steps]
        self._seen: set[str] = set()

    def look(self, warnings: Iterable[EarlyWarning], epoch: int, now_s: float) -> list[Run]:
        """Begin what is to be begun; what was. Raises StoreError."""
        wanted: dict[str, tuple[Runbook, EarlyWarning, Subject]] = {}
        for warning in warnings:
            subject = Subject.of(warning, now_s)
            if why_not(warning, now_s) is not None:
                continue
            for runbook in self.runbooks:
                if not refusals(runbook, subject):
                    wanted[run_key(runbook, warning)] = runbook, warning, subject
        fresh = {name: one for name, one in wanted.items() if name not in self._seen}
        known = self._runs.known(fresh) if fresh else set()
        begun = []
        for name, (runbook, warning, subject) in fresh.items():
            if name not in known:
                run = self._run(name, runbook, warning, subject, now_s)
                if self._runs.begin(run, lines_of(run.id, procedure_of(runbook)), (), epoch, now_s):
                    begun.append(run)
                elif not self._runs.known([name]):  # the lease is lost
                    return begun
        self._seen = set(wanted)
        return begun

    def _run(self, name: str, runbook: Runbook, warning: EarlyWarning, subject: Subject, now_s: float) -> Run:
        context = context_of(subject, runbook.target_by)
        asking = None if (a := runbook.approval) is None else {"who": list(a.from_), "quorum": a.quorum}
        facts = {
            "context": context, "team": runbook.owner.team, "kind": warning.kind, "entity": dict(warning.entity),
            "sources": _sources(warning), "opened_s": warning.opened_s,
            "summary": runbook.summary, "asking": asking,
            "impact": visible(str(render(runbook.notify.impact, context)), IMPACT_SHOWN),
        }  # fmt: skip
        mode = lowest(runbook.mode, self._world.mode_for(warning, runbook.name, runbook.owner.team))
        target = fingerprint(",".join(sorted(runbook.target_by)), key(context["target"]))
        return Run(
            name[:16], name, runbook.name, runbook.sha, target, warning.id, warning.card, mode, "matched", now_s, now_s,
            now_s + 600.0, snapshot_of(runbook), facts,
        )  # fmt: skip


def earned(store: Store, runbook: str, ceiling: Mode, stage: Stage) -> Mode:
    """How far a runbook may go under a ceiling, for a warning at a stage, by what its last response came to."""
    mode = lowest(ceiling, MODE_OF_STAGE[stage])
    return lowest(mode, after(Responses(store).last_ends(runbook).get(runbook))) if mode == "auto" else mode


def why_not(warning: EarlyWarning, now_s: float) -> Refusal | None:
    """Why no runbook begins anything about an open warning now, whatever it matches: it is about several things, nothing new is
    known of it, its time is over, or a clock is wrong. None: it may."""
    unseen, lead_s = unseen_s(warning, now_s), Subject.of(warning, now_s).lead_s
    if warning.members:
        return Refusal("one target", "a warning of one entity", f"a cause of {len(warning.members)}: its members are acted on")
    if unseen is not None:
        return Refusal("stale", "a warning that is looked at", f"nothing new since {rfc3339(unseen)}")
    if lead_s is not None and lead_s <= 0:
        return Refusal("lead_time", "a crossing ahead", f"expected {text(-lead_s)} ago")
    if warning.opened_s > now_s + AHEAD_S:
        return Refusal("opened", "not in the future", rfc3339(warning.opened_s))
    return None


def unseen_s(warning: EarlyWarning, now_s: float) -> float | None:
    """Since when nothing new is known of an open warning: its sources are away, or nobody has taken a turn for long, as after a
    long sleep. None while it is looked at."""
    if warning.state != "open":
        return None
    if warning.stale_since_s is not None:
        return warning.stale_since_s
    return warning.updated_s if now_s - warning.updated_s > max(UNSEEN_S, UNSEEN_STEPS * warning.step_s) else None


def _clear(warning: EarlyWarning, unseen: float | None) -> bool | None:
    """Whether its forecast no longer crosses: what has come true is not clear, and of what nobody sees it cannot be told."""
    if warning.state == "open":
        clear = warning.kind in TIMED and warning.crossing is None
        return clear if unseen is None else None
    return {GONE: True, CROSSED: False, STAYED: False, SOME_STAYED: False}.get(warning.closed_why)


def _sources(warning: EarlyWarning) -> list[str]:
    """The names of its sources; what was made of several has them joined."""
    return list(dict.fromkeys(name for s in warning.symptoms for name in s.lineage.source.split("+")))


def run_key(runbook: Runbook, warning: EarlyWarning) -> str:
    """What there is one response for: runbook, target and episode, as SHA-256."""
    target = key(subset({**warning.labels, **warning.entity}, runbook.target_by))
    parts = "\0".join((runbook.name, target, warning.id))
    return hashlib.sha256(parts.encode("utf-8", "surrogatepass")).hexdigest()
