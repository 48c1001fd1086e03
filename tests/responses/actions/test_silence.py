"""Silences in a real Alertmanager."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from aiops.responses.actions.silence import Expire, Silence, SilenceParams
from tests.responses.actions.samples import KEY, call, web
from tests.runbooks.hostile import NAMED
from tests.servers import alertmanager

LABELS = {"alertname": "DiskFull", "instance": "db1:9100"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with alertmanager(tmp_path_factory.mktemp("am"), "http://127.0.0.1:1/") as url:
        yield url


def silences(url: str, key: str) -> list[Any]:
    with urllib.request.urlopen(f"{url}/api/v2/silences", timeout=30) as answer:
        return [one for one in json.load(answer) if one["comment"].endswith(f"[aiops {key}]")]


def made(url: str, key: str, labels: Any = LABELS, lasts: str = "1h", **more: Any) -> Any:
    asked = call({"labels": labels, "for": lasts, "comment": "cleaning"}, idem_key=key)
    return Silence(SilenceParams(url=url, **more)).run(asked, time.time())


def test_a_silence_is_exact_and_signed(server: str) -> None:
    found = made(server, "exact")
    (there,) = silences(server, "exact")
    assert (found.end, found.output["id"]) == ("done", there["id"])
    assert {m["name"]: (m["value"], m["isRegex"], m["isEqual"]) for m in there["matchers"]} == {
        name: (value, False, True) for name, value in LABELS.items()
    }
    assert (there["createdBy"], there["comment"], there["status"]["state"]) == ("aiops", "cleaning [aiops exact]", "active")


def test_a_repeated_step_makes_no_second_one(server: str) -> None:
    first, second = made(server, "twice"), made(server, "twice")
    assert first.output["id"] == second.output["id"]
    assert len(silences(server, "twice")) == 1


def test_one_that_somebody_has_ended_is_not_made_again(server: str) -> None:
    first = made(server, "ended")
    ending = urllib.request.Request(f"{server}/api/v2/silence/{first.output['id']}", method="DELETE")
    urllib.request.urlopen(ending, timeout=30).close()
    assert made(server, "ended").output["id"] == first.output["id"]
    assert [one["status"]["state"] for one in silences(server, "ended")] == ["expired"]


def test_what_was_made_is_found_although_the_answer_was_lost(server: str) -> None:
    action = Silence(SilenceParams(url=server))
    assert action.harvest(call({}, idem_key="lost")) is None
    first = made(server, "lost")
    found = action.harvest(call({}, idem_key="lost"))
    assert found is not None
    assert (found.end, found.output["id"]) == ("done", first.output["id"])


def test_any_label_value_is_silenced_as_it_is(server: str) -> None:
    for i, value in enumerate(one for one in NAMED if one and len(one) < 1000):
        assert made(server, f"any{i}", {"mountpoint": value, "alertname": "x"}).end == "done", value
        (there,) = silences(server, f"any{i}")
        assert [m["value"] for m in there["matchers"] if m["name"] == "mountpoint"] == [value]


@pytest.mark.parametrize(
    "labels", [{}, None, {"a": ""}, {"a-b": "x"}, {"a": [1]}, {"a": "\ud800"}, ["a"], {"a\n": "x"}, {'a="x",b': "y"}]
)
def test_what_is_no_label_is_refused(server: str, labels: object) -> None:
    found = made(server, "refused", labels)
    assert (found.end, found.effect) == ("failed", False)
    assert silences(server, "refused") == []


@pytest.mark.parametrize("lasts", ["", "0s", "-1h", "1 hour", "25h", "1e9h"])
def test_a_silence_lasts_no_longer_than_it_may(server: str, lasts: str) -> None:
    assert made(server, "long", lasts=lasts).effect is False
    assert silences(server, "long") == []


def test_a_silence_is_ended_by_its_id_once(server: str) -> None:
    wanted = made(server, "expire").output["id"]
    action = Expire(SilenceParams(url=server))
    assert action.harvest(call({"id": wanted})) is None
    assert [action.run(call({"id": wanted}), 0.0).end for _ in range(2)] == ["done", "done"]
    assert [one["status"]["state"] for one in silences(server, "expire")] == ["expired"]
    found = action.harvest(call({"id": wanted}))
    assert found is not None
    assert found.end == "done"


def test_one_that_is_not_known_is_gone(server: str) -> None:
    found = Expire(SilenceParams(url=server)).run(call({"id": "5f1e5d3a-0000-4000-8000-000000000000"}), 0.0)
    assert (found.end, found.effect) == ("gone", False)


@pytest.mark.parametrize("wanted", ["", "../alerts", "a b", "a/b", "é", None])
def test_what_is_no_id_is_not_asked_for(wanted: object) -> None:
    with web() as server:
        assert Expire(SilenceParams(url=server.url)).run(call({"id": wanted}), 0.0).effect is False
    assert server.seen == []


def test_something_else_that_answers_leaves_it_unknown() -> None:
    with web(lambda seen: (200, [] if seen.method == "GET" else {"id": KEY})) as server:
        found = made(server.url, "odd")
    assert (found.end, found.effect) == ("unknown", True)
