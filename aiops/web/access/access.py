"""Who comes, and what they may: known by the daemon's token, a token of their own, or a login; never by what they say."""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from fastapi import HTTPException, Request
from fastapi.concurrency import run_in_threadpool

from aiops.config.access import ROLES, Person, Role
from aiops.core.errors import AiopsError
from aiops.daemon.daemon import Daemon
from aiops.daemon.token import matches, same
from aiops.store.response_rows import Run
from aiops.web.access.accounts import Accounts, Reach
from aiops.web.access.own_files import accounts_of
from aiops.web.access.session import LONGEST, By, Login, opened, sealed
from aiops.web.access.teams import Teams, warning_of

COOKIE, CSRF_FIELD, CSRF_HEADER = "aiops_session", "csrf", "x-aiops-csrf"
TRIES, TRIES_WITHIN_S, REMEMBERED, FORM_AT_MOST = 5, 60.0, 10_000, 8192
RETURNS = 60
"""How often a minute browsers may come back from an identity provider, from one address: a proxy is one for all behind it."""
ENTER_WITHIN_S = 900.0
"""How long the key that is printed at the start opens the door, once."""
LEAVES = "logout"
Via = Literal["nothing", "token", "machine", "login"]
Scope = Literal["open", "team", "all"]
"""What a route is about: nothing that is one team's; warnings, of which all meet those of their teams; every team at once."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who comes. `name` is empty for somebody who proved nothing; `session`: what their forms must bring back; `teams`: whose
    warnings they may see and decide on, None = all; `groups`: those that an identity provider says they are in; `since_s`: when
    they proved who they are."""

    name: str
    role: Role
    via: Via
    auditor: bool = False
    session: str = ""
    teams: tuple[str, ...] | None = None
    groups: tuple[str, ...] = ()
    since_s: float = 0.0

    def may(self, role: Role) -> bool:
        """Whether they may what `role` may."""
        return ROLES.index(self.role) >= ROLES.index(role)

    def of(self, team: str) -> bool:
        """Whether what is this team's is theirs to see and to decide on."""
        return self.teams is None or team in self.teams

    @property
    def csrf(self) -> str:
        """The mark that a form of this session carries."""
        return hmac.new(self.session.encode(), b"form", sha256).hexdigest() if self.session else ""


NOBODY = Caller("", "viewer", "nothing", auditor=True)
"""Whoever comes where no people are configured: they are on this machine, and may look at everything."""


@dataclass(slots=True)
class Tries:
    """How often a name, or an address, tried to log in of late: `most` within a minute."""

    clock: Callable[[], float] = time.monotonic
    most: int = TRIES
    _tried: OrderedDict[str, deque[float]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait_s(self, *whom: str) -> float:
        """Count a try of `whom`; 0, or the seconds they must wait, then it is not one."""
        now = self.clock()
        with self._lock:
            for one in whom:
                tried = self._tried.setdefault(one, deque())
                self._tried.move_to_end(one)
                while tried and now - tried[0] > TRIES_WITHIN_S:
                    tried.popleft()
                if len(tried) >= self.most:
                    return TRIES_WITHIN_S - (now - tried[0])
            for one in whom:
                self._tried[one].append(now)
            while len(self._tried) > REMEMBERED:
                self._tried.popitem(last=False)
        return 0.0


class Access:
    """The door of a daemon.

    With neither people nor an identity provider in the configuration whoever reaches the address may look, and the daemon's token
    may everything; the key of `one_time` logs a browser in as the token's user, once. Else nobody may anything without a proof. A
    login is a cookie, sealed under the daemon's token and what it was proved by: another password, another provider, or another
    token ends it; so does logging out, for as long as this process runs. Raises AiopsError when the accounts file cannot be used.
    """

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self.tries, self.returns = Tries(), Tries(most=RETURNS)
        self._keys: dict[str, float] = {}
        self._left: OrderedDict[str, None] = OrderedDict()
        self._accounts = Accounts()
        self.reread()

    def reread(self) -> None:
        """Read the accounts file again."""
        self._accounts = accounts_of(self.daemon.settings.web)

    @property
    def people(self) -> dict[str, Person]:
        """Who is known by the configuration."""
        return self.daemon.settings.web.people

    @property
    def guarded(self) -> bool:
        """Whether nobody may anything without a proof."""
        return self.daemon.settings.web.guarded

    def caller(self, request: Request) -> Caller | None:
        """Who comes with a request; None: somebody whose proof is wrong, or who has none where one is needed."""
        if not hasattr(request.state, "caller"):
            request.state.caller = self._caller(request)
        found: Caller | None = request.state.caller
        return found

    def _caller(self, request: Request) -> Caller | None:
        header = request.headers.get("authorization")
        if header is not None:
            return self._by_header(header)
        cookie = request.cookies.get(COOKIE)
        found = self._by_cookie(cookie) if cookie else None
        if found is not None:
            return found
        return None if self.guarded else NOBODY

    def login(self, name: str, password: str) -> str | None:
        """The cookie of somebody who gave the right password; None else, after as much work whoever is known."""
        right = self._accounts.by_password(name, password)
        if not right or name not in self.people:
            return None
        return self.admit(name, "password")

    def one_time(self, within_s: float = ENTER_WITHIN_S) -> str:
        """A key with which a browser is logged in as the token's user, once, soon. Only where nobody needs a proof to look."""
        key = secrets.token_urlsafe(24)
        self._keys[sha256(key.encode()).hexdigest()] = self.daemon.clock() + within_s
        return key

    def enter(self, key: str) -> str | None:
        """The cookie for a key of `one_time`, which is gone then; None for any other."""
        until = self._keys.pop(sha256(key.encode(errors="replace")).hexdigest(), 0.0)
        if self.guarded or until < self.daemon.clock():
            return None
        return self.admit(self.daemon.settings.responses.token_user, "key")

    def admit(
        self, name: str, by: By, role: Role = "viewer", auditor: bool = False, teams: tuple[str, ...] | None = None,
        groups: tuple[str, ...] = (),
    ) -> str:  # fmt: skip
        """The cookie of somebody who has proved who they are. Raises AiopsError for one that no browser would keep."""
        now = int(self.daemon.clock())
        login = Login(name, by, now, now + int(self.daemon.settings.web.session), role, auditor, teams, groups)
        cookie = sealed(login, self._key(login))
        if len(cookie) > LONGEST:
            raise AiopsError("the identity provider names more teams and groups than a cookie can hold")
        return cookie

    def leave(self, caller: Caller) -> None:
        """End a login: its cookie opens nothing any more."""
        self._left[sha256(caller.session.encode()).hexdigest()] = None
        while len(self._left) > REMEMBERED:
            self._left.popitem(last=False)

    def _by_header(self, header: str) -> Caller | None:
        if matches(header, self.daemon.token):
            return Caller(self.daemon.settings.responses.token_user, "admin", "token", auditor=True)
        scheme, _, given = header.partition(" ")
        name = self._accounts.by_token(given.strip()) if scheme.lower() == "bearer" else None
        person = None if name is None else self.people.get(name)
        if name is None or person is None:
            return None
        reach = self._accounts.reaches.get(name)
        return _within(name, person, reach or Reach())

    def _by_cookie(self, cookie: str) -> Caller | None:
        login = opened(cookie, self._key)
        if login is None or login.ends_s <= self.daemon.clock() or sha256(cookie.encode()).hexdigest() in self._left:
            return None
        since = float(login.since_s)
        if login.by == "oidc":
            teams, groups = login.teams, login.groups
            return Caller(login.name, login.role, "login", login.auditor, cookie, teams, groups, since)
        if login.by == "key":
            return None if self.guarded else Caller(login.name, "admin", "login", True, cookie, since_s=since)
        person = self.people.get(login.name)
        if person is None:
            return None
        return Caller(login.name, person.role, "login", person.auditor, cookie, _teams(person), since_s=since)

    def _key(self, login: Login) -> str:
        """What a login is sealed under."""
        oidc = self.daemon.settings.web.oidc
        if login.by == "oidc":
            proof = "" if oidc is None else f"{oidc.issuer}\0{oidc.client_id}"
        else:
            proof = self._accounts.hashes.get((login.name, "password"), "") if login.by == "password" else ""
        return f"{self.daemon.token}\0{login.by}\0{proof}"


def _teams(person: Person) -> tuple[str, ...] | None:
    return None if person.teams is None else tuple(person.teams)


def _within(name: str, person: Person, reach: Reach) -> Caller:
    """The holder of a token that does not go as far as whose it is."""
    role = min(person.role, reach.role, key=ROLES.index)
    own, given = _teams(person), reach.teams
    teams = own if given is None else given if own is None else tuple(one for one in given if one in own)
    return Caller(name, role, "machine", person.auditor and reach.role == "admin", teams=teams)


@dataclass(frozen=True, slots=True)
class Needs:
    """What a route asks of whoever comes: a role, whose it must be (`scope`), and what stands in the ledger of it (`audit`;
    empty: it changes nothing).

    A dependency of FastAPI: gives the caller. A change by a browser that is logged in must bring the session's mark. To somebody
    who is kept to teams another team's warning is not there, and what concerns every team is not theirs to read or change.
    """

    access: Access
    role: Role
    audit: str = ""
    auditor: bool = False
    scope: Scope = "open"

    async def __call__(self, request: Request) -> Caller:
        """Whoever comes, if they may. Raises HTTPException 401, 403 or 404."""
        found = self.access.caller(request)
        if found is None or (found.via == "nothing" and (self.audit or self.role != "viewer")):
            raise HTTPException(401, "give a token (Authorization: Bearer …) or log in", {"WWW-Authenticate": "Bearer"})
        if not found.may(self.role) or (self.auditor and not (found.auditor or found.may("admin"))):
            raise HTTPException(403, f"this takes the role {'auditor' if self.auditor else self.role}")
        away = foreign(request, self.access.daemon.settings.web.external_url)
        if self.audit and found.via == "login" and (away or not same(await _mark(request), found.csrf)):
            raise HTTPException(403, "this form is not from a page of this session; load the page again")
        if found.teams is not None:
            await self._theirs(request, found)
        return found

    async def _theirs(self, request: Request, caller: Caller) -> None:
        if self.scope == "all" or self.auditor or (self.audit and self.scope != "team" and self.audit != LEAVES):
            raise HTTPException(403, "this concerns every team; it takes somebody who is not kept to some")
        if self.scope == "team" and request.path_params:
            daemon = self.access.daemon
            found = await run_in_threadpool(warning_of, daemon, request.path_params)
            if isinstance(found, Run) or (found is not None and not caller.of(Teams(daemon).of_warning(found))):
                raise HTTPException(404, "no such warning or response")


def foreign(request: Request, external_url: str) -> bool:
    """Whether a browser says that a page of somewhere else sends this; a program says nothing of the kind."""
    origin = request.headers.get("origin")
    if origin is None:
        return request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
    host = urlsplit(origin).netloc
    return not host or host not in (request.headers.get("host", ""), urlsplit(external_url).netloc)


async def fields(request: Request) -> dict[str, str]:
    """The fields of a form, each once. Raises HTTPException 413 for one that is too long."""
    body = await request.body()  # kept by Starlette: whoever asks again gets it too
    if len(body) > FORM_AT_MOST:
        raise HTTPException(413, "too long")
    return {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}


async def _mark(request: Request) -> str:
    form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    return request.headers.get(CSRF_HEADER) or ((await fields(request)).get(CSRF_FIELD, "") if form else "")
