"""Signatures of AWS: made of the usual chain's credentials, different for every request, and an error where there are none."""

from __future__ import annotations

import re

import pytest
import requests

from aiops.core.errors import SourceError
from aiops.telemetry.credentials import AuthParams, Credentials

pytest.importorskip("botocore")
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "canary-secret", "AWS_SESSION_TOKEN": "canary-token"}
URL = "https://aps-workspaces.eu-central-1.amazonaws.com/workspaces/ws-1/api/v1/query"


@pytest.fixture(autouse=True)
def _no_chain(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, f"{tmp_path}/none")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def signed(query: str) -> requests.PreparedRequest:
    params = AuthParams.model_validate({"sigv4": {"region": "eu-central-1"}})
    auth = Credentials("amp", params).auth
    return requests.Request("GET", URL, params={"query": query}, headers={"User-Agent": "x"}, auth=auth).prepare()


def test_a_request_is_signed_for_region_and_service(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    one, other = signed("up"), signed("down")
    found = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/\d{8}/eu-central-1/aps/aws4_request, "
        r"SignedHeaders=host;x-amz-date;x-amz-security-token, Signature=[0-9a-f]{64}",
        one.headers["Authorization"],
    )
    assert found
    assert one.headers["X-Amz-Security-Token"] == "canary-token"
    assert one.headers["Authorization"] != other.headers["Authorization"]
    assert "canary-secret" not in str(dict(one.headers))


def test_without_credentials_the_error_says_what_to_set() -> None:
    with pytest.raises(SourceError, match="set a profile") as error:
        signed("up")
    assert error.value.kind == "auth"


def test_a_profile_that_is_not_there_is_an_error() -> None:
    params = AuthParams.model_validate({"sigv4": {"region": "eu-central-1", "profile": "nobody"}})
    with pytest.raises(SourceError, match="nobody"):
        _ = Credentials("amp", params).auth
