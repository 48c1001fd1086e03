"""`web.oidc` of the configuration: the identity provider that says who somebody is, and what follows from what it says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from aiops.config.fields import FileName, Found, Strict

Role = Literal["viewer", "responder", "author", "admin"]
ROLES: tuple[Role, ...] = ("viewer", "responder", "author", "admin")
"""From the least on, each may what those before it may: look; judge, acknowledge, approve; read what authors need; everything."""
EVERY = "*"
"""In place of a team: all of them."""


def is_safe(url: str) -> bool:
    """Whether nobody on the way can change what is said: HTTPS, or this machine.

    >>> is_safe("https://id.example"), is_safe("http://127.0.0.1:8080/realm"), is_safe("http://id.example")
    (True, True, False)
    """
    parts = urlsplit(url)
    at_home = parts.hostname in ("127.0.0.1", "::1", "localhost")
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and at_home))


class Oidc(Strict):
    """An OpenID provider: who logs in there may come in here."""

    issuer: str = Field(pattern=r"^https?://[^\s?#@]+$", description="the provider's issuer, exactly as it calls itself")
    client_id: str = Field(min_length=1, max_length=200, description="what this daemon is called there")
    client_secret_file: FileName | None = Field(None, description="a file with the client's secret; none: a public client")
    ca_file: FileName | None = Field(None, description="a private certificate authority of the provider")
    scopes: list[str] = Field(
        default_factory=lambda: ["openid", "profile", "email"], min_length=1, description="what is asked for; openid among them"
    )
    name_claim: str = Field("preferred_username", min_length=1, description="the claim that says what somebody is called")
    role_claim: str = Field("groups", min_length=1, description="the claim that roles follow from; `a.b` is b in a")
    roles: dict[str, Role] = Field(
        min_length=1, description="a value of that claim to a role; the highest counts, who has none is turned away"
    )
    auditors: list[str] = Field(default_factory=list, description="values of that claim whose holders may read the ledger whole")
    team_claim: str = Field("groups", min_length=1, description="the claim that teams follow from")
    teams: dict[str, str] = Field(
        default_factory=dict, description='a value of that claim to a team, "*" for all; empty: nobody is kept to a team'
    )
    groups: dict[str, str] = Field(
        default_factory=dict, description="a value of the role claim to a group that runbooks may ask for approval"
    )

    @field_validator("issuer")
    @classmethod
    def _safe(cls, value: str) -> str:
        if not is_safe(value):
            raise ValueError(f"{value}: whoever stands on the way could say who comes; write https://")
        return value

    @classmethod
    def mistakes(cls, raw: Mapping[str, Any]) -> Found:
        """Scopes without what makes it OpenID."""
        scopes = raw.get("scopes")
        if isinstance(scopes, list) and scopes and "openid" not in scopes:
            yield ("scopes",), "openid is missing: without it nobody says who comes"
