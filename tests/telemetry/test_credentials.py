"""Who we are to a source, on a real Prometheus behind TLS; and what is never shown."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aiops.core.errors import SourceError
from aiops.telemetry.credentials import AuthParams, Credentials
from aiops.telemetry.prometheus import PrometheusParams, PrometheusSource
from aiops.telemetry.source import ReadLimits
from tests import servers


def openssl(*args: str) -> None:
    subprocess.run([servers.binary("openssl", "openssl"), *args], check=True, capture_output=True)


def authority(folder: Path, name: str) -> Path:
    """A CA of its own, and a server's and a client's certificate of it."""
    folder.mkdir()
    openssl(
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
        "-keyout", str(folder / "ca.key"), "-out", str(folder / "ca.pem"),
    )  # fmt: skip
    for who, extra in (("server", "subjectAltName=IP:127.0.0.1"), ("client", "extendedKeyUsage=clientAuth")):
        openssl(
            "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={who}", "-keyout", str(folder / f"{who}.key"),
            "-out", str(folder / f"{who}.csr"),
        )  # fmt: skip
        (folder / "ext").write_text(extra)
        openssl(
            "x509", "-req", "-days", "2", "-in", str(folder / f"{who}.csr"), "-CA", str(folder / "ca.pem"), "-CAkey",
            str(folder / "ca.key"), "-CAcreateserial", "-extfile", str(folder / "ext"), "-out", str(folder / f"{who}.pem"),
        )  # fmt: skip
    return folder


def listening(port: int) -> bool:
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path, Path]]:
    """A Prometheus that wants a client certificate and a password: its URL, its authority, and another authority."""
    folder = tmp_path_factory.mktemp("tls")
    ours, others = authority(folder / "ours", "ours"), authority(folder / "others", "others")
    tls = {"cert_file": str(ours / "server.pem"), "key_file": str(ours / "server.key"), "client_ca_file": str(ours / "ca.pem")}
    web = {"tls_server_config": tls | {"client_auth_type": "RequireAndVerifyClientCert"}}
    (folder / "web.yml").write_text(json.dumps(web))
    (folder / "prometheus.yml").write_text("scrape_configs: []\n")
    port = servers.free_port()
    command = [
        servers.binary("prometheus", "prometheus"), f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}", f"--web.listen-address=127.0.0.1:{port}",
        f"--web.config.file={folder / 'web.yml'}", "--log.level=error",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 30
    while not listening(port):
        assert time.monotonic() < end, "it does not listen"
        time.sleep(0.1)
    try:
        yield f"https://127.0.0.1:{port}", ours, others
    finally:
        process.terminate()
        process.wait()


def source(url: str, **auth: Any) -> PrometheusSource:
    return PrometheusSource("prod", PrometheusParams.model_validate({"url": url, **auth}), ReadLimits(seconds=5))


def error_of(url: str, **auth: Any) -> SourceError:
    with pytest.raises(SourceError) as error:
        source(url, **auth).probe()
    return error.value


def test_a_client_certificate_opens_the_door(secured: tuple[str, Path, Path]) -> None:
    url, ours, _ = secured
    one = source(url, ca_file=ours / "ca.pem", cert_file=ours / "client.pem", key_file=ours / "client.key")
    assert "answers PromQL" in one.probe()


@pytest.mark.parametrize(
    ("ca", "cert"), [("ours", None), ("ours", "others"), ("others", "ours"), (None, "ours")],
    ids=["no certificate", "a stranger's", "another authority", "an unknown authority"],
)  # fmt: skip
def test_anything_else_does_not(secured: tuple[str, Path, Path], ca: str | None, cert: str | None) -> None:
    url, ours, others = secured
    of = {"ours": ours, "others": others}
    auth: dict[str, Any] = {} if ca is None else {"ca_file": of[ca] / "ca.pem"}
    if cert is not None:
        auth |= {"cert_file": of[cert] / "client.pem", "key_file": of[cert] / "client.key"}
    assert error_of(url, **auth).kind == "unreachable"


def test_headers_come_from_the_config_and_from_files_read_at_every_request(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("first\n")
    found = Credentials("prod", AuthParams.model_validate({"header_files": {"X-Api-Key": tmp_path / "key"}}))
    assert found.headers() == {"X-Api-Key": "first"}
    (tmp_path / "key").write_text("second")
    assert found.headers() == {"X-Api-Key": "second"}


def test_a_token_counts_before_a_password(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("abc")
    (tmp_path / "password").write_text("def")
    both = {"username": "u", "password_file": tmp_path / "password", "bearer_token_file": tmp_path / "token"}
    assert Credentials("prod", AuthParams.model_validate(both)).headers()["Authorization"] == "Bearer abc"


@pytest.mark.parametrize("key", ["password_file", "bearer_token_file"])
def test_a_file_that_is_not_there_is_named(tmp_path: Path, key: str) -> None:
    auth = {"username": "u", key: tmp_path / "gone"}
    with pytest.raises(SourceError, match="gone") as error:
        Credentials("prod", AuthParams.model_validate(auth)).headers()
    assert error.value.kind == "auth"


def test_what_was_sent_is_known_so_that_it_is_never_shown() -> None:
    found = Credentials("prod", AuthParams.model_validate({"headers": {"X-Scope-OrgID": "tenant-7"}}))
    sent = {"Authorization": "Basic dXNlcjpzM2NyZXQ=", "X-Scope-OrgID": "tenant-7", "X-Amz-Security-Token": "session"}
    assert set(found.secrets(sent)) == {"dXNlcjpzM2NyZXQ=", "s3cret", "tenant-7", "session"}
    assert found.secrets({}) == []
