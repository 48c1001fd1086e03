"""`web` of the configuration: where the daemon serves, and to whom."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator

from aiops.config.fields import Duration, FileName, Found, Strict

Role = Literal["viewer", "responder", "author", "admin"]
ROLES: tuple[Role, ...] = ("viewer", "responder", "author", "admin")
"""From the least on, each may what those before it may: look; judge, acknowledge, approve; read what authors need; everything."""
DEFAULT_LISTEN = "127.0.0.1:9464"
LISTEN = r"^(\[[0-9a-fA-F:.]+\]|[^:\s\[\]]+):\d{1,5}$"


class Person(Strict):
    """Somebody, or a program, that the daemon knows; the proof stands in the accounts file."""

    role: Role = Field("viewer", description="what they may do")
    auditor: bool = Field(False, description="may also read the ledger whole")
    groups: list[str] = Field(default_factory=list, description="groups that runbooks may ask for approval")


class Tls(Strict):
    """The daemon's own certificate."""

    cert_file: FileName = Field(description="PEM, with what leads to the authority")
    key_file: FileName = Field(description="PEM, mode 0600")


class WebSettings(Strict):
    """Where the daemon serves, and to whom."""

    listen: str = Field(DEFAULT_LISTEN, description="HOST:PORT to serve on; the default gives way to a free port")
    external_url: str = Field("", pattern=r"^(https?://[^\s?#]+)?$", description="where readers of messages reach it; empty: no links")
    tls: Tls | None = Field(None, description="serve HTTPS")
    accounts_file: FileName | None = Field(None, description="hashes of passwords and tokens, of `aiops accounts`; mode 0600")
    people: dict[str, Person] = Field(
        default_factory=dict, description="who may log in or hold a token, by name; empty: only the token in the data directory"
    )
    session: Duration = Field(43200.0, ge=300, le=2592000, description="how long a login lasts on a device")
    open: bool = Field(
        False, description="true: other machines may come without login or TLS, because something in front asks for both"
    )

    @field_validator("listen")
    @classmethod
    def _host_port(cls, value: str) -> str:
        if not re.fullmatch(LISTEN, value) or int(value.rpartition(":")[2]) > 65535:
            raise ValueError(f"{value!r} is no HOST:PORT; write for example 127.0.0.1:9464 or [::1]:9464")
        return value

    @classmethod
    def mistakes(cls, raw: Mapping[str, Any]) -> Found:
        """People without proof, proof of nobody."""
        people, accounts = raw.get("people"), raw.get("accounts_file")
        if isinstance(people, dict) and people and not accounts:
            yield ("accounts_file",), "is missing; make one with `aiops accounts set NAME --file FILE`"
        if accounts and not people:
            yield ("people",), "is missing; write people: {NAME: {role: responder}}"
