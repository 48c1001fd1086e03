"""What is answered has the shape that is published: in a plane with warnings, verdicts, a response, rules and people's words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from aiops.web.app import make_app
from tests.daemon.rig import Rig, anomaly_card, calm, card, falling
from tests.store.samples import outcome, warning
from tests.web.api.test_responses import daemon_rig as daemon_rig
from tests.web.conforming import faults

BASE = "http://127.0.0.1:9464"


@pytest.fixture
def client(daemon_rig: Rig) -> Iterator[TestClient]:
    """A daemon with a response that asks, a warning that was judged and one whose numbers are none."""
    daemon = daemon_rig.daemon
    assert daemon is not None
    nothing = float("nan")
    with daemon.store.transaction() as tx:
        tx.put_warning(warning(7, card="disk", raw={"confidence": 0.5}, calibration={"confidence": "x"}))
        tx.put_warning(warning(8, card="gone", told_latest_s=nothing, act_before_s=nothing))
        tx.put_outcome(outcome(7))
        tx.put_outcome(outcome(9, "missed", warning_id="", opened_s=None, lead_s=None, eta_error_s=None, interval_covered=None))
    headers = {"Authorization": f"Bearer {daemon.token}"}
    with TestClient(make_app(daemon), base_url=BASE, client=("127.0.0.1", 50000), headers=headers) as found:
        yield found


def named(path: str, client: TestClient) -> Iterator[str]:
    """The paths of everything that this template can name."""
    lists = {"warning_id": "warnings", "run_id": "responses"}
    for name, where in lists.items():
        if f"{{{name}}}" in path:
            for one in client.get(f"/api/v1/{where}").json():
                yield path.replace(f"{{{name}}}", one["id"])
            return
    if "{runbook}" in path:
        yield from (path.replace("{runbook}", one["name"]) for one in client.get("/api/v1/runbooks").json())
    else:
        yield path


def test_every_route_that_is_read_answers_as_it_is_published(client: TestClient) -> None:
    schema, seen = client.get("/openapi.json").json(), 0
    client.app.state.feed.close()  # type: ignore[attr-defined] # else its stream has no end
    for path, methods in schema["paths"].items():
        for one in named(path, client) if "get" in methods else ():
            for target in (one, one.rpartition("/")[0] + "/none" if "{" in path else one + "?limit=0"):
                answer = client.get(target)
                assert faults(schema, "get", path, answer) == [], target
                seen += bool(answer.status_code == 200 and answer.content not in (b"[]", b""))
    assert seen > 25


def test_every_word_is_answered_as_it_is_published(client: TestClient) -> None:
    schema = client.get("/openapi.json").json()
    mine = "/api/v1/warnings/{warning_id}/"
    run = client.get("/api/v1/responses").json()[0]
    said: list[tuple[str, Any, int]] = [
        (mine + "ack", {"by": "ann"}, 200), (mine + "feedback", {"word": "noise", "by": "ann"}, 200),
        (mine + "actions", {"what": "looked", "by": "ann"}, 200), (mine + "verdict", {"verdict": "late", "by": "ann"}, 200),
        (mine + "verdict", {"verdict": "maybe"}, 422), (mine + "ack", {"by": 5}, 422),
        ("/api/v1/incidents", {"id": "i", "started_at": 1, "labels": {"alertname": "X"}}, 200), ("/api/v1/incidents", {}, 422),
        ("/api/v1/kill-switch", {"on": True}, 200), ("/api/v1/kill-switch", {"on": False}, 200),
        ("/api/v1/responses/{run_id}/deny", {"note": "no"}, 200), ("/api/v1/responses/{run_id}/approve", {}, 409),
        ("/api/v1/responses/{run_id}/cancel", {}, 200), ("/api/v1/responses/{run_id}/resolve", {"word": "done"}, 409),
    ]  # fmt: skip
    for path, body, status in said:
        answer = client.post(path.replace("{warning_id}", run["warning_id"]).replace("{run_id}", run["id"]), json=body)
        assert (answer.status_code, faults(schema, "post", path, answer)) == (status, []), (path, answer.text)


def test_figures_and_series_of_a_real_course_are_as_published(rig: Rig) -> None:
    for host in ("a", "b"):
        rig.world.add("free", {"instance": host}, falling(0.001))
    rig.world.add("load", {"instance": "a"}, calm())
    daemon = rig.start(card(), anomaly_card())
    rig.until_warned()
    with TestClient(make_app(daemon), base_url=BASE, client=("127.0.0.1", 50000)) as client:
        schema = client.get("/openapi.json").json()
        for _ in range(2):  # open, then judged
            for path in ("warnings", "warnings/{warning_id}", "warnings/{warning_id}/series", "warnings/{warning_id}/explain",
                         "outcomes", "scorecard", "stages", "report", "series", "cards", "status"):  # fmt: skip
                for one in named(f"/api/v1/{path}", client):
                    assert faults(schema, "get", f"/api/v1/{path}", client.get(one)) == [], one
            rig.at(13 * 3600)
            rig.turn()
