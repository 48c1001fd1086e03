"""Who we are to a source: basic, bearer, a client certificate, headers, or a signature of AWS; read anew at every request."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field
from requests.auth import AuthBase, _basic_auth_str

from aiops.core.errors import SourceError
from aiops.core.params import Params

SHORTEST_SECRET = 4
"""Shorter texts stand in any page by chance: a tenant called 1 is no secret."""


class SigV4Params(Params):
    """How requests are signed for AWS; the keys come from where AWS's own tools take them."""

    region: str = Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$", description="for example eu-central-1")
    service: str = Field("aps", pattern=r"^[a-z0-9-]+$", description="aps: Amazon Managed Service for Prometheus")
    profile: str = Field("", description="a profile of the AWS configuration; empty: the default chain")


class AuthParams(Params):
    """Parameters of sources that want to know who asks."""

    headers: dict[str, str] = Field(default_factory=dict, description="extra headers, for example X-Scope-OrgID")
    header_files: dict[str, Path] = Field(default_factory=dict, description="extra headers whose values stand in files")
    username: str = Field("", description="basic auth user")
    password_file: Path | None = Field(None, description="file with the basic auth password")
    bearer_token_file: Path | None = Field(None, description="file with a bearer token, read at every request")
    ca_file: Path | None = Field(None, description="CA bundle to trust instead of the system's")
    cert_file: Path | None = Field(None, description="client certificate, for a server that wants one")
    key_file: Path | None = Field(None, description="its private key; absent: in cert_file")
    sigv4: SigV4Params | None = Field(None, description="sign requests for AWS; needs the extra `aws`")


class Credentials:
    """The credentials of one source. A file that cannot be read is a SourceError of kind auth that names it."""

    def __init__(self, source: str, params: AuthParams) -> None:
        self._source, self._params = source, params

    @property
    def verify(self) -> str | bool:
        """What requests is to check a server's certificate against; it is always checked."""
        return str(self._params.ca_file) if self._params.ca_file else True

    @property
    def cert(self) -> str | tuple[str, str] | None:
        """The client certificate, as requests takes it."""
        p = self._params
        if p.cert_file is None:
            return None
        return str(p.cert_file) if p.key_file is None else (str(p.cert_file), str(p.key_file))

    @property
    def auth(self) -> AuthBase | None:
        """What signs a request as a whole. Raises SourceError when the extra is not installed."""
        if self._params.sigv4 is None:
            return None
        from aiops.telemetry.sigv4 import SigV4

        p = self._params.sigv4
        return SigV4(self._source, p.region, p.service, p.profile)

    def headers(self) -> dict[str, str]:
        """The headers of the next request. Raises SourceError."""
        p = self._params
        try:
            found = {name: path.read_text().strip() for name, path in p.header_files.items()}
            if p.bearer_token_file:
                found["Authorization"] = f"Bearer {p.bearer_token_file.read_text().strip()}"
            elif p.username and p.password_file:
                found["Authorization"] = _basic_auth_str(p.username, p.password_file.read_text().strip())
        except OSError as e:
            raise SourceError(self._source, "auth", f"{e.filename}: {e.strerror}") from e
        except UnicodeDecodeError as e:
            raise SourceError(self._source, "auth", "a file with a credential is no text") from e
        return found

    def secrets(self, sent: Mapping[str, Any]) -> list[str]:
        """What a page might echo of the headers that were sent: credentials whole and in parts, and configured headers."""
        scheme, _, value = str(sent.get("Authorization", "")).partition(" ")
        plain = ""
        if scheme == "Basic":
            plain = base64.b64decode(value).decode("utf-8", "replace").partition(":")[2]
        more = [str(sent.get(name, "")) for name in (*self._params.headers, *self._params.header_files)]
        found = {value, plain, str(sent.get("X-Amz-Security-Token", "")), *more}
        return sorted((one for one in found if len(one) >= SHORTEST_SECRET), key=len, reverse=True)
