"""`web` of the configuration: where the daemon serves, and to whom."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import Field, field_validator

from aiops.config.fields import Duration, FileName, Found, Strict
from aiops.config.oidc import ROLES as ROLES
from aiops.config.oidc import Oidc
from aiops.config.oidc import Role as Role

DEFAULT_LISTEN = "127.0.0.1:9464"
LISTEN = r"^(\[[0-9a-fA-F:.]+\]|[0-9A-Za-z._-]+):[0-9]{1,5}$"


def host_port(value: str) -> str:
    """The same text. Raises ValueError unless it is HOST:PORT, the host an address or a name in ASCII."""
    if not re.fullmatch(LISTEN, value) or int(value.rpartition(":")[2]) > 65535:
        raise ValueError(f"{value!r} is no HOST:PORT; write for example 127.0.0.1:9464 or [::1]:9464")
    return value


class Person(Strict):
    """Somebody, or a program, that the daemon knows; the proof stands in the accounts file."""

    role: Role = Field("viewer", description="what they may do")
    auditor: bool = Field(False, description="may also read the ledger whole")
    groups: list[str] = Field(default_factory=list, description="groups that runbooks may ask for approval")
    teams: list[str] | None = Field(
        None, description="teams whose warnings they see and decide on, by the owner or the label team; none given: all"
    )


class Tls(Strict):
    """The daemon's own certificate."""

    cert_file: FileName = Field(description="PEM, with what leads to the authority")
    key_file: FileName = Field(description="PEM, mode 0600")


class WebSettings(Strict):
    """Where the daemon serves, and to whom."""

    listen: str = Field(DEFAULT_LISTEN, description="HOST:PORT to serve on; the default gives way to a free port")
    external_url: str = Field(
        "", pattern=r"^(https?://[^\s?#]+)?$", description="where readers of messages reach it; empty: no links"
    )
    tls: Tls | None = Field(None, description="serve HTTPS")
    accounts_file: FileName | None = Field(None, description="hashes of passwords and tokens, of `aiops accounts`; mode 0600")
    people: dict[str, Person] = Field(
        default_factory=dict, description="who may log in or hold a token, by name; empty: only the token in the data directory"
    )
    oidc: Oidc | None = Field(None, description="an identity provider at which people log in; needs external_url")
    session: Duration = Field(43200.0, ge=43200, le=2592000, description="how long a login lasts on a device")
    fresh: Duration = Field(
        600.0, ge=60, le=3600, description="how long ago somebody may have logged in to approve what cannot be undone"
    )
    requests_per_second: float = Field(
        100.0, gt=0, le=1e6, description="how fast one caller may ask the API, or one address without a proof; else 429"
    )
    burst: int = Field(1000, ge=1, le=1_000_000, description="how many requests at once after a rest")
    open: bool = Field(
        False, description="true: other machines may come without login or TLS, because something in front asks for both"
    )

    @field_validator("listen")
    @classmethod
    def _host_port(cls, value: str) -> str:
        return host_port(value)

    @classmethod
    def mistakes(cls, raw: Mapping[str, Any]) -> Found:
        """People without proof, proof of nobody, a provider that cannot lead back."""
        people, accounts = raw.get("people"), raw.get("accounts_file")
        if isinstance(people, dict) and people and not accounts:
            yield ("accounts_file",), "is missing; make one with `aiops accounts set NAME --file FILE`"
        if accounts and not people:
            yield ("people",), "is missing; write people: {NAME: {role: responder}}"
        if raw.get("oidc") and not raw.get("external_url"):
            yield ("external_url",), "is missing; the identity provider leads people back to it"

    @property
    def alone(self) -> bool:
        """Whether a single account may say yes to what runbooks would do."""
        return self.oidc is None and sum(one.role != "viewer" for one in self.people.values()) < 2

    @property
    def guarded(self) -> bool:
        """Whether nobody may anything without a proof."""
        return bool(self.people) or self.oidc is not None
