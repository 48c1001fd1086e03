"""A runbook as a CACAO playbook, the open format that orchestrators of responses read. Pure."""

from __future__ import annotations

import hashlib
import json
import shlex
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlsplit

from aiops.core.durations import text
from aiops.runbooks.expressions import LOOK_UP, query_for
from aiops.runbooks.schema import Runbook, Step

SPACE = uuid.UUID("3c1f0c2e-6a43-5d0b-9b4e-2f9d2f3f5a10")
"""Where the ids of our playbooks live: the same runbook has the same id in every export."""
FIRST_DAY = "2026-01-01"
READS, WRITES, TELLS = "analyze-collected-data", "execute-operation", "identify-audience"
"""What a command is for, in CACAO's words: a step that reads, one that writes, a person who is asked or told."""
HOST, PROMETHEUS = "__host__", "__prometheus__"
Part = dict[str, Any]
_EXTENSION: Part = {
    "type": "extension-definition",
    "name": "aiops runbook",
    "description": "What the runbook says that CACAO has no place for: times in seconds, look-ups as variables, secrets by name.",
    "schema": "What `aiops schema runbook` prints: of a playbook the file without steps and tests, of a step the step.",
    "version": "1.0",
}


def playbook(runbook: Runbook) -> Part:
    """The playbook of a runbook: its steps in order, each condition an if, verification at the end; guards in words.

    Look-ups are variables of the playbook, those of the warning given from outside; queries are commands to Prometheus' HTTP API;
    before the first step that writes stands a manual one that asks for the approval. Ids are the same in every export. A
    condition stays CEL. What CACAO has no place for stands in an extension, of the playbook and of each step, as in the file with
    look-ups as variables and times in seconds: nothing is left out but the file's tests.

    Source: OASIS, CACAO Security Playbooks Version 2.0 (CS01, 2023), sections 3, 4, 5, 7, 9 and 10.
    """
    made = _Made(runbook)
    made.build()
    kept = made.kept(runbook.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"steps", "tests"}))
    reviewed = f"{runbook.owner.reviewed or FIRST_DAY}T00:00:00.000Z"
    activities = sorted({one["playbook_activity"] for part in made.workflow.values() for one in part.get("commands", ())})
    kinds = {WRITES: "mitigation", READS: "investigation", TELLS: "notification"}
    return {
        "type": "playbook",
        "spec_version": "cacao-2.0",
        "id": f"playbook--{uuid.uuid5(SPACE, runbook.name)}",
        "name": runbook.name,
        "description": " ".join([runbook.summary, *_bounds(runbook)]),
        "playbook_types": [kinds[next(one for one in kinds if one in activities)]],
        "playbook_activities": activities,
        "created_by": made.id("identity", runbook.owner.team),
        "created": reviewed,
        "modified": reviewed,
        "labels": [f"mode-{runbook.mode}", *([f"signal-{runbook.match.signal}"] if runbook.match.signal else [])],
        **({"external_references": [{"name": runbook.name, "url": runbook.docs}]} if runbook.docs else {}),
        "extension_definitions": {made.extension: _EXTENSION | {"created_by": made.id("identity", runbook.owner.team)}},
        "playbook_extensions": {made.extension: kept},
        **({"playbook_variables": made.variables} if made.variables else {}),
        "workflow_start": made.id("start", "start"),
        "workflow": made.workflow,
        "agent_definitions": made.agents,
    }


def _bounds(runbook: Runbook) -> Iterator[str]:
    """What CACAO has no place for, in words: whoever runs the playbook must keep it."""
    guards = runbook.guards
    if guards is None:
        return
    for one in guards.require:
        yield f"Requires that {one.name}: {one.promql} {one.expect}."
    if guards.cooldown:
        yield f"At most once in {text(guards.cooldown)} for a target."
    if guards.max_runs:
        yield f"At most {guards.max_runs.count} runs in {text(guards.max_runs.per)} for a target."
    most = guards.max_targets
    if most:
        share = f"{most.percent:g} % of {most.of or 'all'}" if most.count is None else str(most.count)
        yield f"At most {share} targets in {text(most.per)}."
    if guards.skip_during:
        yield f"Not during {', '.join(guards.skip_during)}."


@dataclass(slots=True)
class _Made:
    """The parts of a playbook as they come together."""

    runbook: Runbook
    workflow: dict[str, Part] = field(default_factory=dict)
    agents: dict[str, Part] = field(default_factory=dict)
    variables: dict[str, Part] = field(default_factory=dict)

    def id(self, kind: str, name: str) -> str:
        """Steps and agents must have ids in the form of version 4; ours come from the names, so that they stay."""
        digest = hashlib.sha256(f"{self.runbook.name}/{kind}/{name}".encode()).digest()
        return f"{kind}--{uuid.UUID(bytes=digest[:16], version=4)}"

    @property
    def extension(self) -> str:
        """The id of our extension, the same in every playbook."""
        return f"extension-definition--{uuid.uuid5(SPACE, 'extension')}"

    def kept(self, value: Any) -> Any:
        """What stands in the extension: as it is written, look-ups as variables."""
        if isinstance(value, dict):
            return {key: self.kept(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self.kept(one) for one in value]
        return self._variable(value) if isinstance(value, str) else value

    def build(self) -> None:
        """One chain from start to end; what stands under an if ends on its own."""
        chain = list(self._chain())
        steps = [("start", "start"), *((step.kind, step.name) for step in chain), ("end", "end")]
        after = [self.id(*step) for step in steps[1:]]
        self.workflow[self.id("start", "start")] = {"type": "start", "on_completion": after[0]}
        for i, one in enumerate(chain):
            own = self.id(one.kind, one.name)
            self.workflow[own] = {**one.body} | {"on_completion": after[i + 1]}
            if one.inner is not None:
                inside, ends = self.id("action", one.inner.name), self.id("end", one.name)
                self.workflow[own]["on_true"] = inside
                self.workflow[inside] = {**one.inner.body} | {"on_completion": ends}
                self.workflow[ends] = {"type": "end"}
        self.workflow[self.id("end", "end")] = {"type": "end"}

    def _chain(self) -> Iterator[_Link]:
        runbook, asked = self.runbook, False
        for step in runbook.steps:
            if step.effect == "write" and not asked and runbook.approval is not None:
                asked = True
                yield self._by_hand("approval", f"Approve what is to be written: {', '.join(runbook.approval.from_)}", WRITES)
            link = self._whole(step, self._step(step))
            if step.if_:
                condition: Part = {"type": "if-condition", "name": f"if {step.id}", "condition": step.if_}
                link = _Link("if-condition", f"if {step.id}", condition, link)
            yield link
        for one in runbook.verify.all if runbook.verify else ():
            if one.promql:
                yield self._query(f"verify {one.name}", one.promql, f"Good when {one.expect}.")
            else:
                yield self._by_hand(f"verify {one.name}", f"Verify that {one.name}", READS)
        if not runbook.steps:
            yield self._by_hand("tell", f"Tell {runbook.owner.team}: {self._variable(runbook.notify.impact)}", TELLS)

    def _whole(self, step: Step, link: _Link) -> _Link:
        """With its time, which CACAO counts in milliseconds, and with everything that the file says of it."""
        own: Part = {} if step.timeout is None else {"timeout": round(step.timeout * 1000)}
        kept = self.kept(step.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_unset=True))
        return replace(link, body={**link.body, **own, "step_extensions": {self.extension: kept}})

    def _step(self, step: Step) -> _Link:
        given, activity = step.with_, WRITES if step.effect == "write" else READS
        notes = [f"Cannot be undone: {step.irreversible}" if step.irreversible else "", self._undo(step)]
        said = " ".join(filter(None, notes))
        if step.uses == "promql":
            return self._query(step.id, str(given["query"]), said)
        if step.uses == "http":
            return self._http(step.id, given, activity, said)
        if step.uses == "exec":
            words = [*(f"{name}={value}" for name, value in (given.get("env") or {}).items()), *given["argv"]]
            command = {"type": "ssh", "command": shlex.join(map(self._variable, ["env", *words] if given.get("env") else words))}
            if not given.get("host"):
                self.variables[HOST] = _outside("where programs run")
            host = self._variable(str(given["host"])) if given.get("host") else f"{HOST}:value"
            agent = ("ssh", host.removesuffix(":value"), host)
            return self._action(step.id, command | {"playbook_activity": activity}, agent, said)
        shown = ", ".join(f"{name}: {self._variable(str(value))}" for name, value in given.items())
        return self._by_hand(step.id, f"{step.uses}: {shown}", activity)

    def _undo(self, step: Step) -> str:
        if step.undo is None:
            return ""
        return f"Undo: {step.undo.uses} " + ", ".join(f"{name}: {self._variable(str(v))}" for name, v in step.undo.with_.items())

    def _query(self, name: str, promql: str, said: str) -> _Link:
        self.variables[PROMETHEUS] = _outside("the host name of the Prometheus")
        target = {label: self._named(f"symptom.labels.{label}") for label in self.runbook.target_by}
        asked = query_for(promql, target, list(target))
        line = f"GET /api/v1/query?query={quote(asked, safe='')} HTTP/1.1"
        command = {"type": "http-api", "command": line, "playbook_activity": READS, "description": asked}
        return self._action(name, command, ("http-api", PROMETHEUS, f"{PROMETHEUS}:value"), said)

    def _http(self, name: str, given: Mapping[str, Any], activity: str, said: str) -> _Link:
        url = self._variable(str(given["url"]))
        parts = urlsplit(url)
        path = url[len(f"{parts.scheme}://{parts.netloc}") :] or "/"
        command: Part = {"type": "http-api", "command": f"{given['method']} {path} HTTP/1.1", "playbook_activity": activity}
        if given.get("headers"):
            command["headers"] = {key: [self._variable(str(value))] for key, value in given["headers"].items()}
        if given.get("json") is not None:
            command["content"] = self._variable(json.dumps(given["json"]))
        return self._action(name, command, ("http-api", parts.netloc, parts.hostname or ""), said)

    def _by_hand(self, name: str, said: str, activity: str) -> _Link:
        team = self.runbook.owner.team
        agent = self.id("individual", team)
        self.agents[agent] = {"type": "individual", "name": team}
        command = {"type": "manual", "command": said, "playbook_activity": activity}
        return _Link("action", name, {"type": "action", "name": name, "commands": [command], "agent": agent})

    def _action(self, name: str, command: Part, agent: tuple[str, str, str], said: str) -> _Link:
        kind, called, address = agent
        at = self.id(kind, called)
        self.agents[at] = {"type": kind, "name": called, "address": {"dname": [address]}}
        body: Part = {"type": "action", "name": name, "commands": [command], "agent": at}
        return _Link("action", name, body | ({"description": said} if said else {}))

    def _variable(self, written: str) -> str:
        """Look-ups as variables of the playbook."""
        return LOOK_UP.sub(lambda found: self._named(found[1]), written)

    def _named(self, path: str) -> str:
        name = f"__{path.removeprefix('symptom.').replace('labels.', '').replace('.', '_')}__"
        self.variables[name] = _outside(path) | ({"external": False} if path.startswith("steps.") else {})
        return f"{name}:value"


@dataclass(frozen=True, slots=True)
class _Link:
    """One step of the chain; `inner` is what stands under it when it is an if."""

    kind: str
    name: str
    body: Mapping[str, Any]
    inner: _Link | None = None


def _outside(said: str) -> Part:
    return {"type": "string", "description": said, "external": True}
