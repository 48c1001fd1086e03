"""Rows T6 to T10: partial answers, bombs, answers without end, labels without measure, certificates and redirects."""

from __future__ import annotations

import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import structlog

from tests.daemon.rig import Rig
from tests.faults.plant import disk, failing, on, turns, window
from tests.faults.proxy import (
    Fault,
    Metric,
    Proxy,
    Rows,
    bomb,
    endless,
    gzipped,
    labels,
    proxied,
    rewritten,
    says,
    warned,
)
from tests.servers import binary

pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket.socket:ResourceWarning")
SAID = "some blocks of store-3 are missing"


def test_T06_what_the_server_warns_of_is_told_and_stays_with_the_block(rig: Rig, proxy: Proxy) -> None:
    on(rig, proxy)
    daemon = rig.start(disk())
    turns(rig, 0, 0)
    proxy.fault = warned(SAID)
    with structlog.testing.capture_logs() as logs:
        turns(rig, 1, 1)
    assert [one["said"] for one in logs if one["event"] == "partial answer"] == [SAID]
    assert rig.watch("disk@a").lineage.partial == (SAID,)
    assert daemon.board.watches["disk@a"].partial == (SAID,)
    assert failing(rig) == {}
    proxy.fault = None
    turns(rig, 2, 2)
    assert rig.watch("disk@a").lineage.partial == ()


def test_T06_a_warning_made_of_a_partial_answer_says_so(rig: Rig, proxy: Proxy) -> None:
    on(rig, proxy)
    proxy.fault = warned(SAID)
    daemon = rig.start(disk("falling"))
    rig.until_warned()
    (warning,) = daemon.store.open_warnings()
    assert {note for symptom in warning.symptoms for note in symptom.lineage.partial} == {SAID}


def test_T07_a_bomb_of_1_gb_stops_at_the_cap_and_heals(rig: Rig, proxy: Proxy, other: Proxy) -> None:
    on(rig, proxy, other)
    rig.start(disk())
    turns(rig, 0, 0)
    proxy.fault = bomb(1024)
    turns(rig, 1, 1)
    assert failing(rig) == {"a": "too_many_bytes"}
    assert {name: error.kind for name, error in rig.watch("disk@a").failed.items()} == {"a": "too_many_bytes"}
    assert "limits.bytes" in str(rig.watch("disk@a").failed["a"])
    assert np.isfinite(window(rig, "disk@a")["a"][-1]), "the card goes on with the other source"
    proxy.fault = gzipped  # and an honest one is read
    turns(rig, 2, 2)
    assert rig.watch("disk@a").failed == {}


READ = """
import resource, sys
from aiops.core.errors import SourceError
from aiops.telemetry.prometheus import PrometheusParams, PrometheusSource
from aiops.telemetry.source import ReadLimits
source = PrometheusSource("a", PrometheusParams(url=sys.argv[1]), ReadLimits(seconds=60))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    source.fetch("up", 1750000200, 1750000200 + 60 * int(sys.argv[2]), 60)
except SourceError as e:
    print(e.kind, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024, e.message)
"""


@pytest.mark.parametrize("points", [0, 5])
@pytest.mark.parametrize(("fault", "most_mb"), [(bomb(1024), 144), (endless, 300)], ids=["T07-bomb", "T08-endless"])
def test_T07_T08_memory_stays_bounded_by_the_cap_and_the_error_names_the_query(
    proxy: Proxy, fault: Fault, most_mb: int, points: int
) -> None:
    proxy.fault = fault
    run = subprocess.run(
        [sys.executable, "-c", READ, proxy.url, str(points)], capture_output=True, text=True, timeout=120, check=True
    )
    kind, grown_mb, message = run.stdout.split(" ", 2)
    assert kind in ("too_many_bytes", "too_many_series")
    assert int(grown_mb) < most_mb
    assert "up" in message


def test_T08_more_series_than_the_cap_are_refused_with_what_to_do(rig: Rig, proxy: Proxy) -> None:
    def many(rows: Rows) -> Rows:
        return [({**metric, "i": str(i)}, points) for metric, points in rows for i in range(200)]

    on(rig, proxy, limits={"series": 500})
    rig.start(disk())
    turns(rig, 0, 0)
    proxy.fault = rewritten(many)
    with structlog.testing.capture_logs() as logs:
        turns(rig, 1, 1)
    assert rig.watch("disk@a").failed["a"].kind == "too_many_series"
    (told,) = [one["error"] for one in logs if one["event"] == "source failed"]
    assert "800 series, more than limits.series = 500" in told
    assert "free" in told, "the query is named"
    assert rig.watch("disk@a").n == 4
    proxy.fault = None
    turns(rig, 2, 2)
    assert rig.watch("disk@a").failed == {}


def oversize(metric: Metric) -> Metric:
    if metric["instance"] == "a":
        return {**metric, "path": "x" * 200_000}
    if metric["instance"] == "b":
        return metric | {f"label_{i}": "1" for i in range(500)}
    return metric


def test_T09_series_with_labels_without_measure_are_left_out_and_the_others_read(rig: Rig, proxy: Proxy) -> None:
    on(rig, proxy)
    proxy.fault = rewritten(labels(oversize))
    rig.start(disk())
    with structlog.testing.capture_logs() as logs:
        turns(rig, 0, 1)
    assert set(window(rig, "disk@a")) == {"c", "d"}
    assert all(np.isfinite(row[-2:]).all() for row in window(rig, "disk@a").values())
    told = [one["said"] for one in logs if one["event"] == "partial answer"]
    assert len(told) == 2
    assert all("2 series left out" in one for one in told)


def certificate(folder: Path, *options: str, name: str = "127.0.0.1") -> ssl.SSLContext:
    """A server's context with a new certificate."""
    folder.mkdir()
    kind = "IP" if name == "127.0.0.1" else "DNS"
    command = [
        binary("openssl", "openssl"),
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
    ]
    command += ["-nodes", "-keyout", str(folder / "key"), "-out", str(folder / "crt"), "-subj", f"/CN={name}"]
    subprocess.run([*command, "-addext", f"subjectAltName={kind}:{name}", *options], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "crt", folder / "key")
    return context


TLS: dict[str, Callable[[Path], tuple[ssl.SSLContext, bool]]] = {
    "nobody vouches for it": lambda folder: (certificate(folder), False),
    "another host's": lambda folder: (certificate(folder, name="other.example"), True),
    "expired": lambda folder: (expired(folder), True),
}


def expired(folder: Path) -> ssl.SSLContext:
    """One whose time is over: an authority of its own signs it for the past."""
    certificate(folder)
    (folder / "index").write_text("")
    (folder / "serial").write_text("01\n")
    (folder / "ca.cnf").write_text(
        f"[ca]\ndefault_ca=c\n[c]\ndatabase={folder}/index\nserial={folder}/serial\nnew_certs_dir={folder}\ndefault_md=sha256\n"
        "policy=p\nx509_extensions=e\n[p]\ncommonName=supplied\n[e]\nsubjectAltName=IP:127.0.0.1\n"
    )
    openssl, key = binary("openssl", "openssl"), str(folder / "key")
    request = [openssl, "req", "-new", "-key", key, "-subj", "/CN=127.0.0.1", "-out", str(folder / "csr")]
    sign = [
        openssl, "ca", "-batch", "-config", str(folder / "ca.cnf"), "-cert", str(folder / "crt"), "-keyfile", key, "-in",
        str(folder / "csr"), "-out", str(folder / "old"), "-startdate", "20200101000000Z", "-enddate", "20200201000000Z",
        "-notext",
    ]  # fmt: skip
    for command in (request, sign):
        subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "old", folder / "key")
    return context


@pytest.mark.parametrize("way", TLS)
def test_T10_a_bad_certificate_is_refused_and_no_credential_sent(rig: Rig, real: str, tmp_path: Path, way: str) -> None:
    context, trusted = TLS[way](tmp_path / "tls")
    (tmp_path / "token").write_text("canary-77aa01")
    with proxied(real, tls=context) as proxy:
        more: dict[str, Any] = {"ca_file": str(tmp_path / "tls" / "crt")} if trusted else {}
        on(rig, proxy, bearer_token_file=str(tmp_path / "token"), **more)
        rig.start(disk())
        turns(rig, 0, 0)
        error = rig.watch("disk@a").failed["a"]
        assert error.kind == "unreachable"
        assert "certificate" in error.message
        assert proxy.calls == []
        assert proxy.credentials == []


def test_T10_a_good_certificate_of_a_named_authority_is_read_through(rig: Rig, real: str, tmp_path: Path) -> None:
    with proxied(real, tls=certificate(tmp_path / "tls")) as proxy:
        on(rig, proxy, ca_file=str(tmp_path / "tls" / "crt"))
        rig.start(disk())
        turns(rig, 0, 0)
        assert rig.watch("disk@a").failed == {}


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_T10_a_redirect_to_another_host_is_refused_and_that_host_never_hears_of_it(
    rig: Rig, proxy: Proxy, other: Proxy, tmp_path: Path, status: int
) -> None:
    (tmp_path / "token").write_text("canary-77aa01")
    on(rig, proxy, bearer_token_file=str(tmp_path / "token"))
    proxy.fault = says(status, b"", Location=f"{other.url}/api/v1/query")
    rig.start(disk())
    turns(rig, 0, 0)
    error = rig.watch("disk@a").failed["a"]
    assert error.kind == "not_prometheus"
    assert "redirects elsewhere" in error.message
    assert proxy.credentials, "the host that is configured gets them"
    assert other.calls == []
    assert other.credentials == []
