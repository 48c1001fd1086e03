"""Steps that are handed over to other automation, against scripted servers: none of the three runs here."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from aiops.responses.actions.handover import Awx, HandOver, HandOverParams, Rundeck, StackStorm
from aiops.responses.interface import Call, Result
from tests.responses.actions.samples import CANARY, KEY, Seen, Web, call, until, web
from tests.runbooks.hostile import NAMED

UUID = "3b6c19f6-41ee-475f-8fd0-8f1a26f27a9a"
JOBS = {"clean": "ops.clean"}


@dataclass
class Server:
    """One kind of server, and what it knows of runs: `states` are told one after another, the last for ever."""

    kind: type[HandOver[HandOverParams]]
    words: tuple[str, str, str, str]  # running, done, failed, cancelled
    answer: Callable[[Server, Seen], tuple[int, Any]]
    states: list[str] = field(default_factory=list)
    runs: list[Any] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    takes_variables: bool = True
    web: Web = field(init=False)

    def state(self) -> str:
        return self.words[3] if self.cancelled else self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def action(self, **more: Any) -> HandOver[HandOverParams]:
        return self.kind(HandOverParams(**{"url": self.web.url, "token": "t", "jobs": JOBS, "poll": 0.01, **more}))

    def run(self, asked: Call | None = None) -> Result:
        return self.action().run(asked or call({"job": "clean", "variables": {"mount": "/var", "days": 7}}), 0.0)


def awx(server: Server, seen: Seen) -> tuple[int, Any]:
    match seen.method, seen.target.partition("?")[0]:
        case "GET", "/api/v2/job_templates/ops.clean/launch/":
            return 200, {"ask_variables_on_launch": server.takes_variables}
        case "POST", "/api/v2/job_templates/ops.clean/launch/":
            server.runs.insert(0, {"id": 40 + len(server.runs), "extra_vars": json.dumps(seen.json()["extra_vars"])})
            return 201, {"job": server.runs[0]["id"], "id": server.runs[0]["id"], "ignored_fields": {}}
        case "GET", "/api/v2/job_templates/ops.clean/jobs/":
            return 200, {"count": len(server.runs), "results": server.runs}
        case "GET", "/api/v2/jobs/40/":
            return 200, {"id": 40, "status": server.state()}
        case "POST", "/api/v2/jobs/40/cancel/":
            server.cancelled.append("40")
            return 202, b""
    return 404, {"detail": "Not found."}


def rundeck(server: Server, seen: Seen) -> tuple[int, Any]:
    match seen.method, seen.target.partition("?")[0]:
        case "POST", "/api/41/job/ops.clean/run":
            options = seen.json()["options"]
            assert all(isinstance(value, str) for value in options.values())
            server.runs.insert(0, {"id": 40 + len(server.runs), "job": {"options": options}, "argstring": "-x y"})
            return 200, {"id": server.runs[0]["id"], "status": "running"}
        case "GET", "/api/41/job/ops.clean/executions":
            return 200, {"paging": {"count": len(server.runs)}, "executions": server.runs}
        case "GET", "/api/41/execution/40":
            return 200, {"id": 40, "status": server.state()}
        case "POST", "/api/41/execution/40/abort":
            server.cancelled.append("40")
            return 200, {"abort": {"status": "pending"}}
    return 404, {"error": True, "errorCode": "api.error.item.doesnotexist"}


def stackstorm(server: Server, seen: Seen) -> tuple[int, Any]:
    target, _, query = seen.target.partition("?")
    match seen.method, target:
        case "POST", "/api/v1/executions":
            if seen.json()["action"] != "ops.clean":
                return 400, {"faultstring": "no such action"}
            tag = seen.json()["context"]["trace_context"]["trace_tag"]
            number = str(40 + len(server.runs))
            server.runs.insert(0, {"trace_tag": tag, "action_executions": [{"object_id": number}]})
            return 201, {"id": number, "status": "requested"}
        case "GET", "/api/v1/traces":
            return 200, [one for one in server.runs if query == f"trace_tag={one['trace_tag']}"]
        case "GET", "/api/v1/executions/40":
            return 200, {"id": "40", "status": server.state()}
        case "DELETE", "/api/v1/executions/40":
            server.cancelled.append("40")
            return 200, {"id": "40", "status": "canceling"}
    return 404, {"faultstring": "not found"}


KINDS: dict[str, Callable[[], Server]] = {
    "awx": lambda: Server(Awx, ("running", "successful", "failed", "canceled"), awx),
    "rundeck": lambda: Server(Rundeck, ("running", "succeeded", "failed", "aborted"), rundeck),
    "stackstorm": lambda: Server(StackStorm, ("running", "succeeded", "failed", "canceled"), stackstorm),
}


@pytest.fixture(params=list(KINDS))
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    found = KINDS[request.param]()
    found.states = [found.words[0], found.words[0], found.words[1]]
    with web(lambda seen: found.answer(found, seen)) as there:
        found.web = there
        yield found


def launches(server: Server) -> list[Seen]:
    return [one for one in server.web.seen if one.method == "POST" and "cancel" not in one.target and "abort" not in one.target]


def test_a_job_is_launched_with_its_variables_and_waited_for(server: Server) -> None:
    found = server.run()
    assert (found.end, dict(found.output)) == ("done", {"id": "40", "status": server.words[1]})
    (launch,) = launches(server)
    assert KEY in launch.body.decode()
    assert '"/var"' in launch.body.decode()
    assert any(CANARY in value for value in launch.headers.values())


def test_its_api_may_begin_elsewhere_as_behind_a_gateway(server: Server) -> None:
    usual, asked = server.action().other.api, list[str]()

    def gateway(seen: Seen) -> tuple[int, Any]:
        asked.append(seen.target)
        return server.answer(server, Seen(seen.method, usual + seen.target.removeprefix("/gate/v2"), seen.headers, seen.body))

    server.web.answer = gateway
    found = server.action(api="/gate/v2").run(call({"job": "clean"}), 0.0)
    assert found.end == "done"
    assert len(asked) > 3
    assert all(one.startswith("/gate/v2/") for one in asked)


def test_a_job_that_failed_failed(server: Server) -> None:
    server.states = [server.words[2]]
    found = server.run()
    assert (found.end, found.effect, found.why) == ("failed", True, "it ended as failed")


def test_a_job_that_somebody_stopped_is_unknown(server: Server) -> None:
    server.states = [server.words[3]]
    assert server.run().end == "unknown"


@pytest.mark.parametrize("word", ["failed-with-retry", "other", "timedout"])
def test_a_job_of_rundeck_that_may_go_on_is_unknown(word: str) -> None:
    found = KINDS["rundeck"]()
    found.states = [word]
    with web(lambda seen: found.answer(found, seen)) as there:
        found.web = there
        assert found.run().end == "unknown"


def test_a_repeated_step_takes_up_the_job_that_runs(server: Server) -> None:
    server.run()
    assert server.run(call({"job": "clean"}, epoch=9)).end == "done"
    assert len(launches(server)) == 1
    server.run(call({"job": "clean"}, idem_key="other"))
    assert len(launches(server)) == 2


def test_a_job_that_is_not_done_in_time_is_cancelled(server: Server) -> None:
    server.states = [server.words[0]]
    found = server.run(call({"job": "clean"}, left_s=6.0))
    assert (found.end, found.why, server.cancelled) == ("unknown", "40 was not done in time, and was cancelled", ["40"])


def test_what_became_of_it_is_found_after_a_crash(server: Server) -> None:
    asked = call({"job": "clean"})
    assert server.action().harvest(asked) is None
    assert server.action().busy(asked) is False
    server.run()
    found = server.action().harvest(asked)
    assert found == Result("done", {"id": "40", "status": server.words[1]})
    assert server.action().busy(asked) is False
    server.states = [server.words[0]]
    assert server.action().harvest(asked) is None
    assert server.action().busy(asked) is True


def test_a_look_that_fails_is_repeated(server: Server) -> None:
    real, left = server.answer, [2]

    def shaky(server: Server, seen: Seen) -> tuple[int, Any]:
        if seen.target.endswith(("/40", "/40/")) and left[0]:
            left[0] -= 1
            return 503, b""
        return real(server, seen)

    server.answer = shaky
    assert server.run().end == "done"


def test_a_lost_launch_is_unknown_and_found(server: Server) -> None:
    real = server.answer

    def loses(server: Server, seen: Seen) -> tuple[int, Any]:
        status, said = real(server, seen)
        return (502, b"") if seen.method == "POST" else (status, said)

    server.answer = loses
    assert (server.run().end, len(server.runs)) == ("unknown", 1)
    server.answer = real
    assert server.run().end == "done"
    assert len(server.runs) == 1


def test_only_listed_jobs_are_run(server: Server) -> None:
    for job in ("ops.clean", "other", "", None, "../x"):
        assert server.run(call({"job": job})).effect is False
    assert server.web.seen == []


def test_a_job_that_is_not_there_had_no_effect(server: Server) -> None:
    found = server.action(jobs={"clean": "ops.other"}).run(call({"job": "clean"}), 0.0)
    assert found.effect is False
    assert found.end in ("failed", "gone")
    assert launches(server) == [] or server.runs == []


READ_ELSEWHERE = [one for one in NAMED if one.startswith("-") or set(one) & set("{}$`;|&<>\"'\\()*~%#\n\0\u202e\x1b")]


@pytest.mark.parametrize("value", [*READ_ELSEWHERE, "${option.x}", "a{%x%}", "{#x#}", "x" * 1025])
def test_what_another_language_could_read_is_not_handed_over(value: str) -> None:
    with web() as there:
        action = Awx(HandOverParams(url=there.url, jobs=JOBS))
        for variables in ({"mount": value}, {"mount": [{"x": value}]}, {value: "x"}, {"mount": {value: "x"}}):
            assert action.run(call({"job": "clean", "variables": variables}), 0.0).effect is False
    assert there.seen == []


@pytest.mark.parametrize("variables", [["x"], {"a-b": "x"}, {"aiops_key": "x"}, {"a": float("nan")}, {"a": {1, 2}}])
def test_what_are_no_variables_is_refused(server: Server, variables: object) -> None:
    assert server.run(call({"job": "clean", "variables": variables})).effect is False
    assert server.web.seen == []


def test_a_template_that_drops_variables_is_not_launched() -> None:
    found = KINDS["awx"]()
    found.takes_variables = False
    with web(lambda seen: found.answer(found, seen)) as there:
        found.web = there
        done = found.run()
    assert (done.effect, found.runs) == (False, [])
    assert "does not prompt for variables on launch" in done.why


def test_who_waits_can_be_sent_away(server: Server) -> None:
    server.states = [server.words[0]]
    action, ended = server.action(poll=60.0), list[Result]()
    asked = call({"job": "clean"}, left_s=600.0)
    waiting = threading.Thread(target=lambda: ended.append(action.run(asked, 0.0)))
    waiting.start()
    until(lambda: any(one.target.rstrip("/").endswith("/40") for one in server.web.seen))
    action.close()
    waiting.join(60)
    assert (ended[0].end, server.cancelled) == ("unknown", [])


def test_the_token_shows_nowhere(server: Server) -> None:
    real = server.answer
    server.answer = lambda server, seen: (400, json.dumps(seen.headers).encode()) if seen.method == "POST" else real(server, seen)
    found = server.run()
    assert found.effect is False
    assert CANARY not in repr(found)
