"""The JSON API of a server that the configuration names."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from aiops.responses.actions.api import Api, ServerParams, Stopped
from tests.responses.actions.samples import CANARY, KEY, call, web
from tests.servers import closed_port


def stopped(api: Api, *question: Any, **more: Any) -> Stopped:
    with pytest.raises(Stopped) as e:
        api.begin(call({})).ask(*question, **more)
    return e.value


def test_a_question_carries_token_key_and_epoch() -> None:
    with web(lambda seen: (200, {"a": 1})) as server:
        talk = Api(ServerParams(url=f"{server.url}/prefix/", token="api"), ("X-Token", "T ")).begin(call({}))
        assert talk.ask("POST", "/api/x", {"b": "é\n"}).value == {"a": 1}
    (seen,) = server.seen
    assert (seen.target, seen.json()) == ("/prefix/api/x", {"b": "é\n"})
    assert {"x-token": f"T {CANARY}", "idempotency-key": KEY, "x-fencing-token": "3"}.items() <= seen.headers.items()


def test_without_its_secret_nothing_is_asked() -> None:
    with web() as server, pytest.raises(Stopped, match="no usable secret api") as e:
        Api(ServerParams(url=server.url, token="api")).begin(call({}, secret=lambda name: ""))
    assert (e.value.result.effect, server.seen) == (False, [])


def test_the_token_is_masked_in_what_a_server_echoes() -> None:
    with web(lambda seen: (500, f"bad {seen.headers['authorization']}".encode())) as server:
        error = stopped(Api(ServerParams(url=server.url, token="api")), "POST", "/x")
    assert error.result.why == "POST /x: status 500: bad Bearer [secret]"
    assert CANARY not in repr(error.result) + str(error)


@pytest.mark.parametrize(
    ("status", "end", "effect"),
    [(404, "gone", False), (400, "failed", False), (503, "unknown", True), (302, "unknown", True)],
)
def test_other_answers_stop_the_step(status: int, end: str, effect: bool) -> None:
    with web(lambda seen: (status, {})) as server:
        result = stopped(Api(ServerParams(url=server.url)), "POST", "/x").result
    assert (result.end, result.effect, result.output["status"]) == (end, effect, status)


def test_an_answer_that_is_expected_does_not() -> None:
    with web(lambda seen: (409, b"conflict")) as server:
        said = Api(ServerParams(url=server.url)).begin(call({})).ask("POST", "/x", fine=(409,))
    assert (said.status, said.value) == (409, None)


def test_no_json_may_have_had_an_effect() -> None:
    with web(lambda seen: (200, b"<html>log in")) as server:
        result = stopped(Api(ServerParams(url=server.url)), "POST", "/x").result
    assert (result.end, result.effect) == ("unknown", True)


def test_no_body_is_no_value() -> None:
    with web(lambda seen: (204, b"")) as server:
        assert Api(ServerParams(url=server.url)).begin(call({})).ask("DELETE", "/x").value is None


def test_nobody_there_had_no_effect() -> None:
    with closed_port() as port:
        result = stopped(Api(ServerParams(url=f"http://127.0.0.1:{port}")), "POST", "/x").result
    assert (result.end, result.effect) == ("failed", False)


def test_all_questions_share_the_time_of_the_step() -> None:
    with web() as server:
        talk = Api(ServerParams(url=server.url)).begin(call({}, left_s=0.0))
        with pytest.raises(Stopped, match="no time is left"):
            talk.ask("GET", "/x")
    assert server.seen == []


@pytest.mark.parametrize("url", ["a.example", "ftp://a.example", "http://u:p@a.example", "http://a.example?x", "http://a.example/#x"])
def test_a_server_is_an_address(url: str) -> None:
    with pytest.raises(ValidationError):
        ServerParams(url=url)
