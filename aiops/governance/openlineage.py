"""Lineage as OpenLineage events: which data a warning was made of, by what, and which runbook acted on it.

A warning that opens is two runs: `aiops.fetch/<query>` made the card's series of the source's answer, `aiops.score/<card>` the
warning of these. A response is a run of `aiops.runbook/<name>`, a child of the scoring. A run has a START and one of COMPLETE,
FAIL and ABORT; its id follows from what it is of, so an event that is told twice is the same event. No label and no value of the
telemetry is told, and the text of a query only where the policy lets its data leave whole.

Source: OpenLineage 2-0-2, built with its own client's classes.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import attr
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import (
    RunFacet,
    error_message_run,
    job_type_job,
    nominal_time_run,
    ownership_job,
    parent_run,
    tags_dataset,
)
from openlineage.client.serde import Serde

from aiops import __version__
from aiops.core.durations import rfc3339
from aiops.core.records import EarlyWarning, Lineage
from aiops.governance.decide import Decision

NAMESPACE, PRODUCER = "aiops", f"urn:aiops:early-warnings:{__version__}"
IDS = uuid.UUID("6f0c9f5e-6f0e-5b39-9d0b-0f6a3c1d8e11")
"""What the ids of runs are derived under; another one would make all of them new."""
_LEFT = (
    "undone", "blocked", "approval_denied", "approval_expired", "target_gone", "cleared_before_action", "suggested", "shadowed",
    "cancelled",
)  # fmt: skip
STATES: dict[str, RunState | None] = {
    "warning.opened": None,
    "response.matched": RunState.START,
    "response.succeeded": RunState.COMPLETE,
    "response.verify_failed": RunState.FAIL,
    "response.needs_a_person": RunState.FAIL,
    **{f"response.{state}": RunState.ABORT for state in _LEFT},
}
"""Rows of the ledger that are told, and what a row of a response is to its run."""


@attr.define
class Window(RunFacet):
    """What a run read: digest of the samples, the span (epoch seconds), class, places, policy, card and code."""

    source: str = attr.field(default="")
    query: str = attr.field(default="")
    digest: str = attr.field(default="")
    start_s: int = attr.field(default=0)
    end_s: int = attr.field(default=0)
    dataClass: str = attr.field(default="")
    residency: list[str] = attr.field(factory=list)
    policy: str = attr.field(default="")
    card: str = attr.field(default="")
    code: str = attr.field(default="")
    partial: list[str] = attr.field(factory=list)

    @staticmethod
    def _get_schema() -> str:
        return "urn:aiops:openlineage:1-0-0:WindowRunFacet"


@attr.define
class Ruling(RunFacet):
    """What the policy said of telling this run: effect, rule, and the digest of the evidence that was kept."""

    effect: str = attr.field(default="")
    rule: str = attr.field(default="")
    evidence: str = attr.field(default="")

    @staticmethod
    def _get_schema() -> str:
        return "urn:aiops:openlineage:1-0-0:RulingRunFacet"


@dataclass(frozen=True, slots=True)
class About:
    """What is known besides the ledger: what the policy says of telling data of some lineage, the namespace of each source (for
    example prometheus://host:9090), whose a card is."""

    decide: Callable[[Sequence[Lineage]], Decision]
    namespaces: Mapping[str, str] = field(default_factory=dict)
    owners: Mapping[str, str] = field(default_factory=dict)


def events(
    action: str, object_: str, detail: Mapping[str, Any], at_s: float, warning: EarlyWarning | None, about: About
) -> Iterator[dict[str, Any]]:
    """The events of one row of the ledger; none where it is not told, or may not be. `warning`: what it is about."""
    if action not in STATES or warning is None:
        return
    said = about.decide([one.lineage for one in warning.symptoms])
    if said.effect == "deny":
        return
    ruling = Ruling(effect=said.effect, rule=said.rule, evidence=str(detail.get("evidence", "")))
    if action == "warning.opened":
        yield from _of_warning(warning, at_s, ruling, about)
    else:
        yield _of_response(action, object_, detail, at_s, warning, ruling)


def _of_warning(warning: EarlyWarning, at_s: float, ruling: Ruling, about: About) -> Iterator[dict[str, Any]]:
    clear, series = ruling.effect == "allow", dict[str, InputDataset]()
    owner = about.owners.get(warning.card, "")
    owned = {"ownership": ownership_job.OwnershipJobFacet(owners=[ownership_job.Owner(f"team:{owner}")])} if owner else {}
    for one in {s.lineage for s in warning.symptoms}:
        name = query_name(one.query)
        facets: dict[str, Any] = {"aiops_window": _window(one, clear), "aiops_ruling": ruling}
        facets["nominalTime"] = nominal_time_run.NominalTimeRunFacet(rfc3339(one.start_s), rfc3339(one.end_s))
        inputs = [
            InputDataset(about.namespaces.get(source, f"aiops-source://{source}"), name, facets={"tags": _tags(one)})
            for source in one.source.split("+")
        ]
        series[name] = InputDataset(NAMESPACE, f"series/{warning.card}/{name}", facets={"tags": _tags(one)})
        made = OutputDataset(NAMESPACE, f"series/{warning.card}/{name}", facets={"tags": _tags(one)})
        run = Run(_id("fetch", warning.id, one.source, one.query), facets)
        yield from _pair(run, f"aiops.fetch/{name}", {"jobType": _type("QUERY")}, inputs, [made], at_s)
    facets = {"aiops_ruling": ruling, "nominalTime": nominal_time_run.NominalTimeRunFacet(rfc3339(warning.opened_s))}
    out = OutputDataset(NAMESPACE, f"warnings/{warning.id}", facets={"tags": _tags(warning.symptoms[0].lineage)})
    job = {"jobType": _type("MODEL"), **owned}
    yield from _pair(Run(_id("score", warning.id), facets), f"aiops.score/{warning.card}", job, [*series.values()], [out], at_s)


def _of_response(
    action: str, run_id: str, detail: Mapping[str, Any], at_s: float, warning: EarlyWarning, ruling: Ruling
) -> dict[str, Any]:
    state = STATES[action] or RunState.OTHER
    parent = parent_run.ParentRunFacet(
        run=parent_run.Run(_id("score", warning.id)), job=parent_run.Job(NAMESPACE, f"aiops.score/{warning.card}")
    )
    facets: dict[str, Any] = {"parent": parent, "aiops_ruling": ruling}
    if state == RunState.FAIL:
        facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(action.partition(".")[2].replace("_", " "), "runbook")
    name = f"aiops.runbook/{str(detail.get('runbook', '')).partition('@')[0]}"
    source = InputDataset(NAMESPACE, f"warnings/{warning.id}")
    job = Job(NAMESPACE, name, {"jobType": _type("RUNBOOK")})
    return _event(state, Run(_id("response", run_id), facets), job, [source], [], at_s)


def _pair(
    run: Run, name: str, facets: dict[str, Any], inputs: list[InputDataset], outputs: list[OutputDataset], at_s: float
) -> Iterator[dict[str, Any]]:
    job = Job(NAMESPACE, name, facets)
    yield _event(RunState.START, run, job, inputs, [], at_s)
    yield _event(RunState.COMPLETE, run, job, inputs, outputs, at_s)


def _event(
    state: RunState, run: Run, job: Job, inputs: list[InputDataset], outputs: list[OutputDataset], at_s: float
) -> dict[str, Any]:
    made = RunEvent(
        eventType=state, eventTime=rfc3339(at_s), run=run, job=job, inputs=inputs, outputs=outputs, producer=PRODUCER
    )  # fmt: skip
    return dict(_produced(Serde.to_dict(made)))


def _produced(value: Any) -> Any:
    """The same with this program as the producer of every facet: the client would name itself."""
    if isinstance(value, dict):
        return {name: PRODUCER if name == "_producer" else _produced(one) for name, one in value.items()}
    return [_produced(one) for one in value] if isinstance(value, list) else value


def _window(one: Lineage, clear: bool) -> Window:
    return Window(
        source=one.source, query=one.query if clear else "", digest=one.digest, start_s=one.start_s, end_s=one.end_s,
        dataClass=one.data_class, residency=list(one.residency), policy=one.policy, card=one.card, code=one.code,
        partial=list(map(str, one.partial)) if clear else [],
    )  # fmt: skip


def _tags(one: Lineage) -> tags_dataset.TagsDatasetFacet:
    found = [("class", one.data_class), *(("residency", place) for place in one.residency)]
    return tags_dataset.TagsDatasetFacet([tags_dataset.TagsDatasetFacetFields(k, v, "aiops") for k, v in found if v])


def _type(kind: str) -> job_type_job.JobTypeJobFacet:
    return job_type_job.JobTypeJobFacet(processingType="STREAMING", integration="AIOPS", jobType=kind)


def query_name(query: str) -> str:
    """What a query is called: the beginning of its SHA-256, for its text may name what is confidential."""
    return hashlib.sha256(query.encode()).hexdigest()[:16]


def _id(*parts: str) -> str:
    return str(uuid.uuid5(IDS, "\0".join(parts)))
