"""Whether chunks may be read, by a server's own settings, and what becomes of a read that fails."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aiops.core.errors import FileError, SourceError
from aiops.telemetry import chunks
from aiops.telemetry.chunks import QUERIES_KNOWN, STREAMED, external_labels, look_back_of
from aiops.telemetry.prometheus import PrometheusParams, PrometheusSource
from aiops.telemetry.source import ReadLimits
from tests import servers
from tests.telemetry.chunk_streams import LABELS, encoded, frame
from tests.telemetry.hostile import Hostile, answer, serving, success

START = 1_700_000_040
COUNT = 100
GLOBAL = "global:\n  scrape_interval: 15s\nscrape_configs: []\n"
SAMPLES = [(1000 * (START + 60 * i), float(i)) for i in range(COUNT)]
GOOD = frame([(LABELS, [encoded(SAMPLES)])])
BY_QUERY = answer(success([{"metric": {"by": "query"}, "values": [[START + 60 * i, "7"] for i in range(COUNT)]}]))


def data(**found: Any) -> bytes:
    return answer(json.dumps({"status": "success", "data": found}).encode())


def streamed(body: bytes) -> bytes:
    return answer(body, kind=f"{STREAMED}; proto=prometheus.ChunkedReadResponse")


SETTINGS = {
    "config": data(yaml=GLOBAL), "flags": data(**{"query.lookback-delta": "5m"}), "buildinfo": data(version="2.42.0"),
    "read": streamed(GOOD), "query_range": BY_QUERY,
}  # fmt: skip


def path_of(request: bytes) -> str:
    return request.split(b" ")[1].partition(b"?")[0].rpartition(b"/")[2].decode()


def told(**answers: bytes | Callable[[Hostile, socket.socket], None]) -> Callable[[Hostile, socket.socket, bytes], None]:
    """A server that answers by the last part of the path."""

    def handler(server: Hostile, conn: socket.socket, request: bytes) -> None:
        found: Any = {**SETTINGS, **answers}.get(path_of(request), answer(b"none", "404 Not Found"))
        found(server, conn) if callable(found) else conn.sendall(found)

    return handler


def source(url: str, **limits: Any) -> PrometheusSource:
    return PrometheusSource("prod", PrometheusParams(url=url), ReadLimits(**{"seconds": 10.0, **limits}))


def fetched(one: PrometheusSource, query: str = "up", count: int = COUNT) -> Any:
    return one.fetch(query, START, START + 60 * (count - 1), 60).block


def asked(server: Hostile) -> list[str]:
    return [path_of(one) for one in server.requests]


def test_settings_are_looked_at_once_then_every_range_comes_in_chunks() -> None:
    with serving(told()) as server:
        one = source(server.url)
        for query in ("up", "up", "down"):
            block = fetched(one, query)
            assert block.labels == ({"a": "b"},)
            assert block.values.tolist() == [[value for _, value in SAMPLES]]
        assert asked(server) == ["config", "flags", "buildinfo", "read", "read", "read"]


def test_several_threads_look_at_the_settings_once() -> None:
    with serving(told()) as server, ThreadPoolExecutor(4) as pool:
        one = source(server.url)
        blocks = list(pool.map(lambda i: fetched(one, f"up{i}"), range(8)))
        assert all(block.labels == ({"a": "b"},) for block in blocks)
        assert sorted(asked(server)) == sorted(["config", "flags", "buildinfo"] + ["read"] * 8)


UNREADABLE = {
    "external labels": {"config": data(yaml="global:\n  external_labels:\n    site: a\n    x: y\nscrape_configs: []\n")},
    "external labels of one line": {"config": data(yaml="global:\n  external_labels: {site: a}\n")},
    "external labels that are a text": {"config": data(yaml="global:\n  external_labels: site\n")},
    "a number": {"config": data(yaml="global:\n  external_labels: 5\n")},
    "no global part": {"config": data(yaml="{global: {external_labels: {a: b}}}")},
    "a global part that is a list": {"config": data(yaml="global:\n  - a\n")},
    "an empty configuration": {"config": data(yaml="")},
    "no configuration": {"config": data()},
    "a configuration that is none": {"config": data(yaml={"a": 1})},
    "aliases": {"config": data(yaml="global:\n  a: &a [1]\n  b: *a\n")},
    "a key twice": {"config": data(yaml="global:\n  a: 1\n  a: 2\n")},
    "endless nesting": {"config": data(yaml="global:\n  a: " + "[" * 5000)},
    "a huge global part": {"config": data(yaml="global:\n" + "  # more\n" * 100_000)},
    "too many bytes": {"config": data(yaml=GLOBAL + "#" * (5 << 20))},
    "no JSON": {"config": answer(b"global:")},
    "a list": {"config": answer(b"[]")},
    "a page": {"config": answer(b"<html>", kind="text/html")},
    "not found": {"config": answer(b"", "404 Not Found")},
    "forbidden": {"flags": answer(b"", "403 Forbidden")},
    "no look-back": {"flags": data()},
    "a look-back that is none": {"flags": data(**{"query.lookback-delta": "soon"})},
    "a look-back that is a number": {"flags": data(**{"query.lookback-delta": 300})},
    "no look-back at all": {"flags": data(**{"query.lookback-delta": "0s"})},
    "no version": {"buildinfo": data(version="")},
    "a version that is none": {"buildinfo": data(version=None)},
    "an error": {"buildinfo": answer(b"", "500 Internal Server Error")},
    "a bad date": {"config": answer(b"", "404 Not Found", Date="Thu, 01 Jan 1970 00:00:00 +" + "9" * 30)},
    "a bad length": {"config": answer(b"", **{"Content-Length": "9" * 5000})},
}


@pytest.mark.parametrize("why", UNREADABLE)
def test_a_server_that_does_not_tell_its_settings_or_adds_labels_is_asked_by_the_query_api(why: str) -> None:
    with serving(told(**UNREADABLE[why])) as server:
        one = source(server.url)
        assert [fetched(one, query).labels for query in ("up", "down")] == [({"by": "query"},)] * 2
        assert asked(server).count("read") == 0
        assert asked(server).count("query_range") == 2
        assert max(map(asked(server).count, ("config", "flags", "buildinfo"))) <= 2, "not looked at again at once"


def test_settings_are_looked_at_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "AGAIN_S", 0.0)
    answers: dict[str, bytes] = {}
    with serving(lambda server, conn, request: told(**answers)(server, conn, request)) as server:
        one = source(server.url)
        found = [fetched(one).labels]
        answers["config"] = data(yaml="global:\n  external_labels:\n    site: a\n")
        found.append(fetched(one).labels)
        answers.clear()
        found.append(fetched(one).labels)
        assert found == [({"a": "b"},), ({"by": "query"},), ({"a": "b"},)]


def test_a_server_that_hangs_at_its_settings_still_gives_its_history_before_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "LOOK_S", 0.3)
    with serving(told(config=lambda server, conn: server.stop.wait(30))) as server:
        one = source(server.url)
        began = time.monotonic()
        assert [fetched(one, query).labels for query in ("up", "down")] == [({"by": "query"},)] * 2
        assert time.monotonic() - began < 8
        assert asked(server) == ["config", "query_range", "query_range"]


FOREIGN = {
    "no such endpoint": answer(b"404 page not found", "404 Not Found"),
    "not by this method": answer(b"", "405 Method Not Allowed"),
    "not implemented": answer(b"", "501 Not Implemented"),
    "forbidden": answer(b"", "403 Forbidden"),
    "samples in snappy": answer(b"x", kind="application/x-protobuf", Content_Encoding="snappy"),
    "JSON": answer(success([])),
    "a page": answer(b"<html>", kind="text/html"),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_a_server_without_streams_is_asked_once_and_then_left_with_the_query_api(what: str) -> None:
    with serving(told(read=FOREIGN[what])) as server:
        one = source(server.url)
        assert [fetched(one, query).labels for query in ("up", "down", "up")] == [({"by": "query"},)] * 3
        assert asked(server).count("read") == 1


ASIDE = {
    "refused": (answer(b'{"error":"no such regular expression"}', "400 Bad Request"), 1),
    "an encoding of tomorrow": (streamed(frame([(LABELS, [b"x"])], encoding=9)), 1),
    "more samples than instants": (streamed(frame([(LABELS, [encoded([(1000 * START + i, 1.0) for i in range(2000)])])])), 1),
    "out of order": (streamed(frame([(LABELS, [encoded(SAMPLES), encoded(SAMPLES)])])), 2),
}


@pytest.mark.parametrize("what", ASIDE)
def test_a_query_that_chunks_cannot_answer_is_asked_of_the_query_api_and_others_are_not(what: str) -> None:
    body, times = ASIDE[what]
    answers = {"read": body}
    with serving(lambda server, conn, request: told(**answers)(server, conn, request)) as server:
        one = source(server.url, samples=1000)
        assert [fetched(one).labels for _ in range(2)] == [({"by": "query"},)] * 2
        assert asked(server).count("read") == times
        answers.clear()
        assert fetched(one, "down").labels == ({"a": "b"},)


def test_raw_samples_of_too_many_bytes_are_no_reason_against_fewer_instants() -> None:
    with serving(told(read=streamed(GOOD + b"x" * 20_000))) as server:
        one = source(server.url, decoded_bytes=10_000)
        assert [fetched(one).labels for _ in range(2)] == [({"by": "query"},)] * 2
        assert asked(server).count("read") == 1


def hung(server: Hostile, conn: socket.socket) -> None:
    server.stop.wait(30)


FAILURES: dict[str, tuple[Any, str]] = {
    "another checksum": (streamed(GOOD[:-1] + bytes([GOOD[-1] ^ 1])), "bad_data"),
    "no end": (streamed(GOOD[:-9]), "bad_data"),
    "an error behind the first frame": (streamed(GOOD + b"storage is closed\n"), "bad_data"),
    "labels that are no text": (streamed(frame([(b"\x0a\x06\x0a\x01\xff\x12\x01b", [encoded(SAMPLES)])])), "bad_data"),
    "native histograms": (streamed(frame([(LABELS, [b"x"])], encoding=2)), "unsupported"),
    "an error": (answer(b"storage is closed", "500 Internal Server Error"), "server_error"),
    "not now": (answer(b"", "503 Service Unavailable"), "server_error"),
    "an answer that is cut off": (streamed(GOOD)[:-9], "unreachable"),
    "no answer": (b"", "unreachable"),
    "no answer in time": (hung, "timeout"),
}


@pytest.mark.parametrize("what", FAILURES)
def test_a_failure_is_told_as_what_it_is_and_chunks_are_read_again_when_it_is_over(what: str) -> None:
    reply, kind = FAILURES[what]
    answers: dict[str, Any] = {"read": reply}
    with serving(lambda server, conn, request: told(**answers)(server, conn, request)) as server:
        one = source(server.url)
        one.limits = ReadLimits(seconds=1.0 if kind == "timeout" else 10.0)
        with pytest.raises(SourceError, match=r"^source prod: ") as raised:
            fetched(one)
        assert raised.value.kind == kind
        assert "query_range" not in asked(server), "it was not read in another way"
        answers.clear()
        one.limits = ReadLimits()
        assert fetched(one).labels == ({"a": "b"},)


@pytest.mark.parametrize("reply", [b"", streamed(GOOD[:-9]), answer(b"", "502 Bad Gateway")], ids=["cut", "damaged", "gateway"])
def test_what_breaks_remote_read_alone_is_told_each_time_and_then_passed_by(reply: bytes) -> None:
    with serving(told(read=reply)) as server:
        one = source(server.url)
        for _ in range(chunks.FAILURES):
            with pytest.raises(SourceError):
                fetched(one)
        before = asked(server).count("read")
        assert fetched(one).labels == ({"by": "query"},)
        assert asked(server).count("read") == before


def test_failures_with_a_success_in_between_pass_nothing_by() -> None:
    answers: dict[str, Any] = {}
    with serving(lambda server, conn, request: told(**answers)(server, conn, request)) as server:
        one = source(server.url)
        for _ in range(chunks.FAILURES):
            answers["read"] = streamed(GOOD[:-9])
            with pytest.raises(SourceError):
                fetched(one)
            answers.clear()
            assert fetched(one).labels == ({"a": "b"},)


def test_a_source_that_went_away_is_unreachable() -> None:
    with serving(told()) as server:
        one = source(server.url)
        fetched(one)
    with pytest.raises(SourceError) as raised:
        fetched(one)
    assert raised.value.kind == "unreachable"


@pytest.mark.parametrize("query", ["up{", "", "up{a=~\"(\"}", "up{a=\"\ud800\"}", "(" * 5000, "up{a=\"" + "x" * 100_000 + "\"}"])
def test_a_query_that_is_no_plain_selector_never_ends_in_another_error(query: str) -> None:
    with serving(told(query_range=answer(b'{"status":"error","error":"parse error"}', "400 Bad Request"))) as server:
        one = source(server.url)
        try:
            fetched(one, query)
        except SourceError as e:
            assert e.kind in ("bad_query", "unreachable")  # noqa: PT017  what can be asked may be answered


@pytest.mark.parametrize("url", ["http://[::1", "http://" + "a" * 80 + ".example", "http://127.0.0.1:99999", "http://:80"])
def test_an_address_that_is_none_is_unreachable(url: str) -> None:
    with pytest.raises(SourceError) as raised:
        fetched(source(url))
    assert raised.value.kind == "unreachable"


def test_from_version_3_on_a_sample_as_old_as_the_look_back_holds_no_more() -> None:
    later = [(1000 * (START + 60 * i), float(i)) for i in range(50)]
    found = []
    for version in ("2.55.1", "3.0.0"):
        with serving(told(buildinfo=data(version=version), read=streamed(frame([(LABELS, [encoded(later)])])))) as server:
            found.append(np.isfinite(fetched(source(server.url)).values[0]).sum())
    assert found == [55, 54]


def test_the_queries_that_are_remembered_are_bounded() -> None:
    with serving(told()) as server:
        one = source(server.url)
        first = fetched(one, "up0").labels
        for i in range(1, QUERIES_KNOWN):
            fetched(one, f"up{i}")
        assert fetched(one, "up0").labels is first
        fetched(one, "another")
        assert one._chunks._memory.cache_info().currsize == QUERIES_KNOWN
        assert fetched(one, "up0").labels is first, "the one asked longest ago was forgotten, not this one"
        assert fetched(one, "up1").labels == first


def test_one_thread_that_looks_does_not_hold_up_another_beyond_its_deadline() -> None:
    looking = threading.Event()

    def slow(server: Hostile, conn: socket.socket) -> None:
        looking.set()
        server.stop.wait(1.5)
        conn.sendall(SETTINGS["config"])

    with serving(told(config=slow)) as server, ThreadPoolExecutor(1) as pool:
        one = source(server.url)
        first = pool.submit(fetched, one)
        assert looking.wait(10)
        began = time.monotonic()
        assert one._chunks.terms("up", began + 0.2).why_not
        assert time.monotonic() - began < 1
        assert first.result().labels == ({"a": "b"},)


@pytest.mark.parametrize(("told", "ms"), [("5m v2.1", 300_000), ("2m 2.42.0+ds", 120_000), ("1m30s 3.5.0", 89_999)])
def test_how_long_a_sample_holds(told: str, ms: int) -> None:
    assert look_back_of(*told.split()) == ms


def test_only_the_global_part_of_a_configuration_is_read() -> None:
    rest = "scrape_configs:\n- job_name: '{{' \n  external_labels: [&a *a\n"
    named = "alerting: {}\nglobal:\n  scrape_interval: 1m\n\n  external_labels:\n    a: b\n    c: d\n"
    assert external_labels(named + rest) == ("a", "c")
    assert external_labels("global:\n  external_labels: {}\n" + rest) == ()
    with pytest.raises((FileError, ValueError)):
        external_labels("global:\n  external_labels: [&a *a\n")


def test_a_real_server_shows_its_settings(tmp_path: Path) -> None:
    with servers.prometheus(tmp_path, external_labels={"site": "a"}) as url:
        terms = source(url)._chunks.terms("up", time.monotonic() + 10)
        assert "external_labels (site)" in terms.why_not
    with servers.prometheus(tmp_path, flags=["--query.lookback-delta=2m"]) as url:
        terms = source(url)._chunks.terms("up", time.monotonic() + 10)
        assert (terms.why_not, terms.look_back_ms) == ("", 120_000)
