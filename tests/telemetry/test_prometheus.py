"""The Prometheus source: typed errors within its deadline against a hostile server, right numbers from the real ones."""

from __future__ import annotations

import socket
import ssl
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import numpy as np
import pytest
from pydantic import ValidationError

from aiops.core.errors import SourceError
from aiops.telemetry.prometheus import POINTS_A_QUERY, PrometheusParams, PrometheusSource
from aiops.telemetry.source import Answer, ReadLimits
from tests.servers import binary
from tests.telemetry.hostile import Hostile, answer, gzip_bomb, says, serving, success

T = 1_700_000_040
OK = answer(success([{"metric": {"__name__": "up", "i": "a"}, "values": [[T, "1"], [T + 60, "2"]]}]))


def source(url: str, **limits: Any) -> PrometheusSource:
    made = PrometheusSource("prod", PrometheusParams(url=url), ReadLimits(**{"seconds": 10.0, **limits}))
    made.query_api_only = True  # what these servers speak; kernels may be loaded or not
    return made


def fetched(*replies: bytes, query: str = "up", points: int = 2, **limits: Any) -> Answer:
    with serving(says(*replies)) as server:
        made = source(server.url, **limits)
        found = made.fetch(query, T, T + 60 * (points - 1), 60)
        made.close()
        return found


def refused(*replies: bytes, **options: Any) -> SourceError:
    with pytest.raises(SourceError) as raised:
        fetched(*replies, **options)
    assert raised.value.source == "prod"
    assert "\n" not in raised.value.message
    return raised.value


def test_a_range_becomes_a_block_on_the_asked_grid_without_the_metric_name() -> None:
    found = fetched(OK)
    assert found.block.labels == ({"i": "a"},)
    assert found.block.time_s.tolist() == [T, T + 60]
    assert found.block.values.tolist() == [[1.0, 2.0]]
    assert found.partial == ()


def test_one_instant_is_asked_as_an_instant_query() -> None:
    reply = answer(success([{"metric": {"i": "a"}, "value": [T, "5"]}], "vector"))
    with serving(says(reply)) as server:
        assert source(server.url).fetch("up", T, T, 60).block.values.tolist() == [[5.0]]
    assert server.requests[0].startswith(b"GET /api/v1/query?query=up&")
    assert f"time={T}".encode() in server.requests[0]


def test_an_empty_answer_is_a_block_of_no_series() -> None:
    assert fetched(answer(success([]))).block.values.shape == (0, 2)
    assert fetched(answer(success([], "vector")), points=1).block.values.shape == (0, 1)


def test_warnings_make_an_answer_partial() -> None:
    found = fetched(answer(success([], warnings=["store x did not answer"])))
    assert found.partial == ("store x did not answer",)
    assert found.block.lineage.partial == ("store x did not answer",)


def test_what_is_not_finite_off_the_grid_or_in_the_future_is_a_gap_and_order_does_not_matter() -> None:
    values = [
        [T + 180, "4"],
        [T, "NaN"],
        [T + 60, "+Inf"],
        [T + 120, "3"],
        [T + 90, "7"],
        [T - 60, "8"],
        [T + 9**9, "9"],
        [T + 120, "33"],
    ]
    found = fetched(answer(success([{"metric": {}, "values": values}])), points=4)
    np.testing.assert_array_equal(found.block.values, [[np.nan, np.nan, 33.0, 4.0]])


def test_text_that_is_no_number_is_a_gap_and_makes_the_answer_partial() -> None:
    found = fetched(answer(success([{"metric": {}, "values": [[T, "0x10"], [T + 60, "2"]]}])))
    np.testing.assert_array_equal(found.block.values, [[np.nan, 2.0]])
    assert found.partial == ("1 samples were no numbers",)


def test_the_label_objects_stay_the_same_while_the_series_do() -> None:
    def handler(_: Hostile, conn: socket.socket, request: bytes) -> None:
        at = parse_qs(request.split(b" ")[1].decode().split("?")[1])["time"][0]
        conn.sendall(answer(success([{"metric": {"i": i}, "value": [int(at), at]} for i in "ab"], "vector")))

    with serving(handler) as server:
        made = source(server.url)
        first = made.fetch("up", T, T, 60).block.labels
        made.fetch("other", T, T, 60)
        second = made.fetch("up", T + 60, T + 60, 60).block.labels
    assert all(a is b for a, b in zip(first, second, strict=True))


PAGE = b"<!DOCTYPE html><html><head><title>Log\nin</title></head></html>"
ERROR = b'{"status":"error","errorType":"%b","error":"%b"}'
KINDS: dict[str, tuple[list[bytes], str]] = {
    "login page": ([answer(PAGE, kind="text/html")], "not_prometheus"),
    "page called JSON": ([answer(PAGE)], "not_prometheus"),
    "page called JSON with a space": ([answer(b" " + PAGE)], "not_prometheus"),
    "unauthorised": ([answer(PAGE, "401 Unauthorized", "text/html")], "auth"),
    "forbidden": ([answer(b"", "403 Forbidden")], "auth"),
    "redirect": ([answer(b"", "302 Found", Location="http://127.0.0.1:9/")], "not_prometheus"),
    "not found": ([answer(b"404 page not found", "404 Not Found", "text/plain")], "not_prometheus"),
    "no content": ([answer(b"", "204 No Content")], "not_prometheus"),
    "bad query": ([answer(ERROR % (b"bad_data", b"parse error at char 3"), "400 Bad Request")], "bad_query"),
    "cannot be executed": ([answer(ERROR % (b"execution", b"many-to-many"), "422 Unprocessable Entity")], "bad_query"),
    "resolution": (
        [answer(ERROR % (b"bad_data", b"exceeded maximum resolution of 11,000 points"), "400 X")],
        "too_many_points",
    ),
    "down": ([answer(b"upstream", "503 Service Unavailable", "text/plain")], "server_error"),
    "bad gateway": ([answer(PAGE, "502 Bad Gateway", "text/html")], "server_error"),
    "too many requests": ([answer(b"", "429 Too Many Requests", Retry_After="9" * 30)], "server_error"),
    "truncated": ([OK[:-20]], "unreachable"),
    "hangs up": ([b""], "unreachable"),
    "no HTTP": ([b"SSH-2.0-OpenSSH_9.2\r\n"], "unreachable"),
    "status without reason": ([b"HTTP/1.1 999\r\n\r\n"], "not_prometheus"),
    "says error with 200": ([answer(ERROR % (b"internal", b"oops"))], "not_prometheus"),
    "truncated JSON": ([answer(success([{"metric": {}, "values": [[T, "1"]]}])[:-9])], "not_prometheus"),
    "deep JSON": ([answer(b"[" * 10**6)], "not_prometheus"),
    "another type": ([answer(success([], "vector"))], "bad_query"),
    "wrong shape": ([answer(success([{"metric": {}, "values": [[T, 1]]}]))], "bad_data"),
    "native histograms": ([answer(success([{"metric": {}, "histograms": [[T, {"count": "1"}]]}]))], "unsupported"),
    "several metrics": (
        [answer(success([{"metric": {"__name__": n}, "values": [[T, "1"]]} for n in "ab"]))],
        "bad_query",
    ),
}


@pytest.mark.parametrize("what", KINDS)
def test_a_hostile_answer_is_an_error_of_its_kind(what: str) -> None:
    replies, kind = KINDS[what]
    error = refused(*replies, seconds=4.0)
    assert error.kind == kind, error


def test_several_metrics_of_one_thing_are_refused_with_the_way_to_ask_for_them() -> None:
    error = refused(*KINDS["several metrics"][0])
    assert 'label_replace(…, "metric", "$1", "__name__", "(.+)")' in error.message


def test_the_server_s_own_words_are_in_the_message_fit_to_be_shown() -> None:
    error = refused(answer(ERROR % (b"bad_data", "parse \u202eerror\\u0000 here".encode()), "400 Bad Request"))
    assert error.message == "parse \\u202eerror\\x00 here"
    assert "Log in" in refused(answer(PAGE, kind="text/html")).message


@pytest.mark.parametrize("reply", [answer(PAGE, kind="text/html"), answer(b"none", "404 Not Found"), answer(b"", "302 X")])
def test_what_is_no_prometheus_is_told_with_the_address_that_was_asked(reply: bytes) -> None:
    with serving(says(reply)) as server, pytest.raises(SourceError) as e:
        source(server.url + "/graph").fetch("up", T, T, 60)
    assert e.value.message.startswith(f"{server.url}/graph: HTTP ")


@pytest.mark.parametrize("url", ["http://prom:9090/?tenant=a", "http://prom:9090/#/graph"])
def test_an_address_below_which_nothing_can_be_asked_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="string_pattern_mismatch"):
        PrometheusParams(url=url)


@pytest.mark.parametrize(
    "first", [answer(b"", "503 Service Unavailable"), answer(b"", "429 X", Retry_After="0"), OK[:-20], b""]
)
def test_what_may_pass_is_tried_once_more(first: bytes) -> None:
    assert fetched(first, OK).block.values.tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize(
    "status", ["400 Bad Request", "401 Unauthorized", "403 Forbidden", "422 X", "302 Found", "404 Not Found"]
)
def test_what_will_not_pass_is_asked_once(status: str) -> None:
    with serving(says(answer(b"", status))) as server, pytest.raises(SourceError):
        source(server.url).fetch("up", T, T + 60, 60)
    assert len(server.requests) == 1


def test_a_server_that_fails_is_asked_twice_and_no_more() -> None:
    with serving(says(answer(b"", "503 X"))) as server, pytest.raises(SourceError):
        source(server.url).fetch("up", T, T + 60, 60)
    assert len(server.requests) == 2


def hang(server: Hostile, _: socket.socket, __: bytes) -> None:
    server.stop.wait(60)


def drip(server: Hostile, conn: socket.socket, _: bytes) -> None:
    conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
    while not server.stop.wait(0.1):
        conn.sendall(b"{")


def then_hang(server: Hostile, conn: socket.socket, request: bytes) -> None:
    if len(server.requests) == 1:
        conn.sendall(answer(b"", "503 Service Unavailable"))
    else:
        hang(server, conn, request)


@pytest.mark.parametrize("handler", [hang, drip, then_hang])
def test_the_deadline_holds_over_all_tries_and_parts(handler: Callable[[Hostile, socket.socket, bytes], None]) -> None:
    with serving(handler) as server:
        started = time.monotonic()
        with pytest.raises(SourceError) as raised:
            source(server.url, seconds=0.8).fetch("up", T, T + 60 * 3 * POINTS_A_QUERY, 60)
        assert raised.value.kind == "timeout"
        assert time.monotonic() - started < 10  # the servers would take for ever


def test_nobody_listening_and_a_name_that_does_not_exist_are_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
    for url in (f"http://127.0.0.1:{port}", "http://no-such-host.invalid:9090", "http://[::1"):
        with pytest.raises(SourceError) as raised:
            source(url).fetch("up", T, T, 60)
        assert raised.value.kind == "unreachable"
        assert "(host=" not in raised.value.message, "how a library names its objects is no reason"


def test_more_series_than_allowed_is_an_error_that_names_the_query() -> None:
    many = answer(success([{"metric": {"i": str(i)}, "values": [[T, "1"]]} for i in range(200)]))
    error = refused(many, query="up{a='b'}", series=100)
    assert error.kind == "too_many_series"
    assert "up{a='b'}" in error.message


def test_a_gzip_bomb_is_too_many_bytes() -> None:
    bomb = b"".join(gzip_bomb(100))
    error = refused(answer(bomb, Content_Encoding="gzip"), decoded_bytes=2**20)
    assert error.kind == "too_many_bytes"
    assert "limits.bytes" in error.message


def test_an_answer_without_end_is_too_many_bytes() -> None:
    def handler(server: Hostile, conn: socket.socket, _: bytes) -> None:
        conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        while not server.stop.is_set():
            conn.sendall(b'{"metric":{"i":"1"},"values":[[1,"1"]]},' * 1000)

    with serving(handler) as server, pytest.raises(SourceError) as raised:
        source(server.url, decoded_bytes=2**22, seconds=60).fetch("up", T, T + 60, 60)
    assert raised.value.kind == "too_many_bytes"


def test_a_long_range_is_asked_in_parts_of_ten_thousand_points() -> None:
    def handler(_: Hostile, conn: socket.socket, request: bytes) -> None:
        args = parse_qs(request.split(b" ")[1].decode().split("?")[1])
        start, end, step = (int(args[name][0]) for name in ("start", "end", "step"))
        result = [{"metric": {"i": "a"}, "values": [[t, str(t)] for t in range(start, end + 1, step)]}]
        if start == T:
            result.insert(0, {"metric": {"i": "first"}, "values": [[start, "1"]]})
        conn.sendall(answer(success(result)))

    with serving(handler) as server:
        block = source(server.url).fetch("up", T, T + 15 * 24_999, 15).block
    assert len(server.requests) == 3
    rows = {labels["i"]: row for labels, row in zip(block.labels, block.values, strict=True)}
    np.testing.assert_array_equal(rows["a"], block.time_s)
    assert np.isfinite(rows["first"]).sum() == 1


def test_a_long_query_is_posted() -> None:
    query = "up{i=~'" + "x|" * 2000 + "'}"
    with serving(says(OK)) as server:
        source(server.url).fetch(query, T, T + 60, 60)
    head, _, form = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /api/v1/query_range HTTP/1.1")
    assert parse_qs(form.decode())["query"] == [query]


def test_credentials_and_headers_are_sent_and_read_anew_each_time(tmp_path: Path) -> None:
    token, password = tmp_path / "token", tmp_path / "password"
    token.write_text("one\n")
    password.write_text("secret\n")
    with serving(says(OK)) as server:
        params = {"url": server.url + "/", "headers": {"X-Scope-OrgID": "team-a"}}
        made = PrometheusSource("p", PrometheusParams(**params, bearer_token_file=token), ReadLimits())
        made.fetch("up", T, T + 60, 60)
        token.write_text("two\n")
        made.fetch("up", T, T + 60, 60)
        basic = PrometheusParams(**params, username="me", password_file=password)
        PrometheusSource("p", basic, ReadLimits()).fetch("up", T, T + 60, 60)
    assert [b"Authorization: Bearer one" in server.requests[0], b"Authorization: Bearer two" in server.requests[1]] == [
        True,
        True,
    ]
    assert b"Authorization: Basic bWU6c2VjcmV0" in server.requests[2]
    assert all(b"X-Scope-OrgID: team-a" in one and b"GET /api/v1/query_range" in one for one in server.requests)


def test_a_credential_file_that_is_missing_is_an_auth_error(tmp_path: Path) -> None:
    params = PrometheusParams(url="http://127.0.0.1:9", bearer_token_file=tmp_path / "none")
    with pytest.raises(SourceError, match="none") as raised:
        PrometheusSource("p", params, ReadLimits()).fetch("up", T, T, 60)
    assert raised.value.kind == "auth"


def test_a_certificate_nobody_vouches_for_is_refused_unless_its_authority_is_named(tmp_path: Path) -> None:
    make = [
        binary("openssl", "openssl"),
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "crt")]
    subprocess.run([*make, *names], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "crt", tmp_path / "key")

    with serving(says(OK), context) as server:
        with pytest.raises(SourceError, match="certificate") as raised:
            source(server.url).fetch("up", T, T + 60, 60)
        assert raised.value.kind == "unreachable"
        params = PrometheusParams(url=server.url, ca_file=tmp_path / "crt")
        found = PrometheusSource("p", params, ReadLimits()).fetch("up", T, T + 60, 60)
        assert found.block.values.tolist() == [[1.0, 2.0]]
        hanging = PrometheusParams(url=server.url, ca_file=tmp_path / "missing")
        with pytest.raises(SourceError, match="missing"):
            PrometheusSource("p", hanging, ReadLimits()).fetch("up", T, T, 60)


def test_a_tls_server_that_hangs_is_cut_off(tmp_path: Path) -> None:
    with serving(hang) as server, pytest.raises(SourceError) as raised:
        source(server.url.replace("http://", "https://"), seconds=0.5).fetch("up", T, T, 60)
    assert raised.value.kind == "timeout"
