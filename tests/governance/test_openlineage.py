"""Lineage as OpenLineage: pairs of events, ids that stay, classes that travel, and nothing that the policy keeps back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from openlineage.client.event_v2 import RunEvent  # the client's own classes check what they are given

from aiops.core.records import EarlyWarning, Lineage
from aiops.governance.decide import Decision
from aiops.governance.openlineage import PRODUCER, STATES, About, events, query_name
from aiops.store.response_rows import ENDED
from tests.store.samples import SYMPTOM, warning

LINEAGE = Lineage("eu+us", 'disk{host="secret-db"}', 60, 3660, "ab12", "confidential", ("eu",), "disk_full@1", (), "f00d", "9.9")
ONE = warning(1, symptoms=(replace(SYMPTOM, lineage=LINEAGE, labels={"host": "secret-db"}),))


def about(effect: Any = "allow", asked: list[Sequence[Lineage]] | None = None) -> About:
    def decide(lineages: Sequence[Lineage]) -> Decision:
        if asked is not None:
            asked.append(lineages)
        return Decision(effect, "R7", "because")

    return About(decide, {"eu": "prometheus://eu:9090"}, {ONE.card: "sre"})


def told(action: str, detail: dict[str, Any] | None = None, effect: Any = "allow", one: EarlyWarning | None = ONE) -> list[Any]:
    return list(events(action, "r1", detail or {}, 3661.0, one, about(effect)))


def texts(value: Any) -> str:
    return repr(value)


def test_a_warning_is_a_fetch_and_a_score_each_begun_and_ended() -> None:
    found = told("warning.opened", {"evidence": "e1"})
    assert [(e["job"]["name"].partition("/")[0], e["eventType"]) for e in found] == [
        ("aiops.fetch", "START"), ("aiops.fetch", "COMPLETE"), ("aiops.score", "START"), ("aiops.score", "COMPLETE"),
    ]  # fmt: skip
    fetch, score = found[1], found[3]
    name = query_name(LINEAGE.query)
    places = [(one["namespace"], one["name"]) for one in fetch["inputs"]]
    assert places == [("prometheus://eu:9090", name), ("aiops-source://us", name)]
    assert [one["name"] for one in fetch["outputs"]] == [one["name"] for one in score["inputs"]] == [f"series/{ONE.card}/{name}"]
    assert [one["name"] for one in score["outputs"]] == [f"warnings/{ONE.id}"]
    tags = {(t["key"], t["value"]) for e in found for d in e["inputs"] + e["outputs"] for t in d["facets"]["tags"]["tags"]}
    assert tags == {("class", "confidential"), ("residency", "eu")}, "what is made of data is of its class"
    window = fetch["run"]["facets"]["aiops_window"]
    assert (window["digest"], window["card"], window["code"], window["policy"]) == ("ab12", "disk_full@1", "9.9", "f00d")
    assert window["_schemaURL"].startswith("urn:aiops:")
    assert window["query"] == LINEAGE.query
    assert score["run"]["facets"]["aiops_ruling"] | {"_schemaURL": "", "_producer": ""} == {
        "effect": "allow", "rule": "R7", "evidence": "e1", "_schemaURL": "", "_producer": "",
    }  # fmt: skip
    assert score["job"]["facets"]["ownership"]["owners"] == [{"name": "team:sre"}]
    assert {e["producer"] for e in found} == {PRODUCER}
    assert "github.com" not in texts([e["run"]["facets"] for e in found])


def test_ids_are_those_of_what_they_are_of_and_events_fit_the_clients_own_classes() -> None:
    first, again = told("warning.opened"), told("warning.opened")
    assert first == again
    other = [e["run"]["runId"] for e in told("warning.opened", one=replace(ONE, id="other"))]
    assert not set(other) & {e["run"]["runId"] for e in first}
    for one in first:
        assert RunEvent(eventTime=one["eventTime"], run=one["run"], job=one["job"]).eventTime == "1970-01-01T01:01:01Z"


@pytest.mark.parametrize("state", ENDED)
def test_a_response_is_a_child_of_the_scoring_and_ends_once(state: str) -> None:
    (begun,), (ended,) = told("response.matched", {"runbook": "mend@4f"}), told(f"response.{state}", {"runbook": "mend@4f"})
    assert (begun["eventType"], begun["run"]["runId"]) == ("START", ended["run"]["runId"])
    assert ended["eventType"] in ("COMPLETE", "FAIL", "ABORT")
    assert (ended["eventType"] == "FAIL") == ("errorMessage" in ended["run"]["facets"])
    assert begun["job"]["name"] == "aiops.runbook/mend"
    score = told("warning.opened")[-1]
    assert begun["run"]["facets"]["parent"]["run"]["runId"] == score["run"]["runId"]
    assert begun["inputs"][0]["name"] == score["outputs"][0]["name"]


def test_what_is_masked_tells_no_text_of_a_query_and_what_is_denied_nothing() -> None:
    assert "secret-db" in texts(told("warning.opened"))
    masked = told("warning.opened", effect="mask")
    assert len(masked) == 4
    assert "secret-db" not in texts(masked)
    assert told("warning.opened", effect="deny") == told("response.matched", effect="deny") == []
    asked: list[Sequence[Lineage]] = []
    list(events("warning.opened", "x", {}, 1.0, ONE, about("allow", asked)))
    assert asked == [[LINEAGE]]


def test_other_rows_and_rows_of_what_is_gone_are_not_told() -> None:
    assert told("warning.closed") == told("config.reload") == told("warning.opened", one=None) == []
    assert {name.partition(".")[2] for name in STATES} >= set(ENDED)
