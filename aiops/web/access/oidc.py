"""Logging in where an identity provider says who somebody is: there, back, and what follows from what it says."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import TypeAdapter

from aiops.config.oidc import EVERY, ROLES, Oidc, Role
from aiops.core.errors import AiopsError
from aiops.core.text import visible
from aiops.daemon.daemon import Daemon
from aiops.daemon.token import same
from aiops.web.access.access import NOBODY, REMEMBERED, Access
from aiops.web.access.accounts import NAME
from aiops.web.access.provider import BACK, NotKnown, Provider, Unreachable
from aiops.web.access.session import seal, unseal
from aiops.web.access.ways import Render, admitted, inside, secure

PATH = "/oidc"
COOKIE, AWAY_AT_MOST_S = "aiops_oidc", 600
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Trip:
    """A login on its way, as the browser keeps it: only the browser that set out may come back, once, soon."""

    state: str
    nonce: str
    verifier: str
    to: str
    since_s: int
    anew: bool = False


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is by what a provider says. `teams` None: all."""

    name: str
    role: Role
    auditor: bool
    teams: tuple[str, ...] | None
    groups: tuple[str, ...]


_TRIP = TypeAdapter(Trip)


def add_oidc(app: FastAPI, daemon: Daemon, access: Access, render: Render) -> Provider | None:
    """Add the way to the provider and back; nothing where none is configured."""
    settings = daemon.settings.web
    if settings.oidc is None:
        return None
    provider = Provider(settings.oidc, settings.external_url, daemon.clock)
    desk = _Desk(daemon, access, provider, settings.oidc)

    def refused(why: str, status: int) -> Response:
        facts = {"to": "/", "why": why, "oidc": True, "local": bool(access.people)}
        response = HTMLResponse(render("login.html", NOBODY, facts), status)
        response.delete_cookie(COOKIE, path=PATH)
        return response

    @app.get(f"{PATH}/login", include_in_schema=False)
    async def away(to: str = "/", anew: bool = False) -> Response:
        try:
            where, kept = await run_in_threadpool(desk.set_out, inside(to), anew)
        except Unreachable as e:
            log.error("the identity provider cannot be asked", why=str(e))
            return refused("the identity provider cannot be reached; log in with a local account, or try again later", 503)
        response = RedirectResponse(where, 303)
        # lax: the way back begins at the provider, and a stricter cookie would stay at home
        response.set_cookie(COOKIE, kept, AWAY_AT_MOST_S, path=PATH, httponly=True, samesite="lax", secure=secure(settings))
        return response

    @app.get(BACK, include_in_schema=False)
    async def back(request: Request) -> Response:
        wait = access.returns.wait_s(f"from {request.client.host if request.client else ''}")
        if wait:
            return refused(f"too many tries; wait {wait:.0f} s", 429)
        try:
            cookie, to = await run_in_threadpool(desk.come_back, request.cookies.get(COOKIE, ""), dict(request.query_params))
        except Unreachable as e:
            log.error("the identity provider cannot be asked", why=str(e))
            return refused("the identity provider cannot be reached; log in with a local account, or try again later", 503)
        except AiopsError as e:
            log.warning("a login by the identity provider was refused", why=str(e))
            return refused(str(e), 401)
        # a page and no redirect: what follows a redirect from elsewhere is still from elsewhere, and brings no strict cookie
        response = HTMLResponse(render("entered.html", NOBODY, {"to": to}))
        response.delete_cookie(COOKIE, path=PATH)
        return admitted(response, settings, cookie)

    return provider


class _Desk:
    """What is remembered of logins on their way: which have come back."""

    def __init__(self, daemon: Daemon, access: Access, provider: Provider, settings: Oidc) -> None:
        self._daemon, self._access, self._provider, self._settings = daemon, access, provider, settings
        self._back: OrderedDict[str, None] = OrderedDict()

    @property
    def _key(self) -> str:
        return f"{self._daemon.token}\0oidc trip"

    def set_out(self, to: str, anew: bool) -> tuple[str, str]:
        """(where the browser goes, what it keeps meanwhile). Raises Unreachable."""
        state, nonce, verifier = (secrets.token_urlsafe(n) for n in (24, 24, 48))
        trip = Trip(state, nonce, verifier, to[:1000], int(self._daemon.clock()), anew)
        return self._provider.door(state, nonce, verifier, anew), seal(orjson.dumps(asdict(trip)), self._key)

    def come_back(self, kept: str, said: Mapping[str, str]) -> tuple[str, str]:
        """(the cookie of the login, where it leads). Raises NotKnown, Unreachable, AiopsError."""
        trip = self._trip(kept, said.get("state", ""))
        issuer, doors = said.get("iss"), self._provider.doors()
        if issuer != self._settings.issuer and (issuer is not None or doors.names_itself):
            raise NotKnown("this answer is another provider's")
        if "error" in said:
            raise NotKnown(f"the provider says: {visible(said['error'], 100)}")
        if not said.get("code") or len(said["code"]) > 4096:
            raise NotKnown("the provider gave no code")
        who = identity(self._provider.who(said["code"], trip.verifier, trip.nonce, trip.anew), self._settings)
        if who.name in self._access.people or who.name == self._daemon.settings.responses.token_user:
            raise NotKnown(f"{who.name} is a local name here; log in with its password")
        return self._access.admit(who.name, "oidc", who.role, who.auditor, who.teams, who.groups), trip.to

    def _trip(self, kept: str, state: str) -> Trip:
        content = unseal(kept, self._key)
        trip = None if content is None else _TRIP.validate_json(content)
        if trip is None or not same(state, trip.state):
            raise NotKnown("this login did not begin in this browser; begin it again")
        if self._daemon.clock() > trip.since_s + AWAY_AT_MOST_S:
            raise NotKnown("this login took too long; begin it again")
        once = sha256(state.encode()).hexdigest()
        if once in self._back:
            raise NotKnown("this login was used; begin it again")
        self._back[once] = None
        while len(self._back) > REMEMBERED:
            self._back.popitem(last=False)
        return trip


def identity(claims: Mapping[str, Any], settings: Oidc) -> Identity:
    """Who the claims say it is: the highest of the roles, every team and group that follow from them. Raises NotKnown.

    With a mapping to teams who has none meets no team's warnings; without one everybody meets all.
    """
    name = claims.get(settings.name_claim)
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise NotKnown(f"the provider does not say under {settings.name_claim} what they are called")
    has = frozenset(values(claims, settings.role_claim))
    roles = [role for value, role in settings.roles.items() if value in has]
    if not roles:
        raise NotKnown(f"{name} has no role here; whoever keeps the configuration gives one by {settings.role_claim}")
    teams = tuple(_mapped(settings.teams, values(claims, settings.team_claim)))
    kept = None if not settings.teams or EVERY in teams else teams
    auditor = bool(has.intersection(settings.auditors))
    return Identity(name, max(roles, key=ROLES.index), auditor, kept, tuple(_mapped(settings.groups, has)))


def _mapped(known: Mapping[str, str], has: Iterable[str]) -> list[str]:
    mine = set(has)
    return sorted({to for value, to in known.items() if value in mine})


def values(claims: Mapping[str, Any], path: str) -> Iterator[str]:
    """The texts of a claim, one or a list; `a.b` is b in a.

    >>> list(values({"realm_access": {"roles": ["sre", 1]}}, "realm_access.roles")), list(values({"group": "sre"}, "group"))
    (['sre'], ['sre'])
    """
    at: Any = claims.get(path)
    if at is None:
        at = claims
        for part in path.split("."):
            at = at.get(part) if isinstance(at, Mapping) else None
    yield from (one for one in (at if isinstance(at, list) else [at]) if isinstance(one, str))
