"""Who comes, and what they may: known by the daemon's token, a token of their own, or a login; never by what they say."""

from __future__ import annotations

import base64
import hmac
import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal
from urllib.parse import parse_qs

from fastapi import HTTPException, Request

from aiops.config.access import ROLES, Person, Role
from aiops.core.errors import AiopsError
from aiops.daemon.daemon import Daemon
from aiops.daemon.token import matches, same
from aiops.web.accounts import Accounts

COOKIE, CSRF_FIELD, CSRF_HEADER = "aiops_session", "csrf", "x-aiops-csrf"
TRIES, TRIES_WITHIN_S, REMEMBERED, FORM_AT_MOST = 5, 60.0, 10_000, 8192
ENTER_WITHIN_S = 900.0
"""How long the key that is printed at the start opens the door, once."""
Via = Literal["nothing", "token", "machine", "login"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who comes. `name` is empty for somebody who proved nothing; `session`: what their forms must bring back."""

    name: str
    role: Role
    via: Via
    auditor: bool = False
    session: str = ""

    def may(self, role: Role) -> bool:
        """Whether they may what `role` may."""
        return ROLES.index(self.role) >= ROLES.index(role)

    @property
    def csrf(self) -> str:
        """The mark that a form of this session carries."""
        return hmac.new(self.session.encode(), b"form", sha256).hexdigest() if self.session else ""


NOBODY = Caller("", "viewer", "nothing", auditor=True)
"""Whoever comes where no people are configured: they are on this machine, and may look at everything."""


@dataclass(slots=True)
class Tries:
    """How often a name, or an address, tried to log in of late: TRIES within a minute."""

    clock: Callable[[], float] = time.monotonic
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
                if len(tried) >= TRIES:
                    return TRIES_WITHIN_S - (now - tried[0])
            for one in whom:
                self._tried[one].append(now)
            while len(self._tried) > REMEMBERED:
                self._tried.popitem(last=False)
        return 0.0


class Access:
    """The door of a daemon.

    Without people in the configuration whoever reaches the address may look, and the daemon's token may everything; the key of
    `one_time` logs a browser in as the token's user, once. With people
    nobody may anything without a proof. A login is a cookie that holds name and end, signed with the daemon's token and the hash
    of the password: another password, or another token, ends it. Raises AiopsError when the accounts file cannot be used.
    """

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self.tries = Tries()
        self._keys: dict[str, float] = {}
        self._accounts = Accounts()
        self.reread()

    def reread(self) -> None:
        """Read the accounts file again."""
        path = self._daemon.settings.web.accounts_file
        self._accounts = Accounts() if path is None else Accounts.read(path)
        unknown = {name for name, _ in self._accounts.hashes} - set(self.people)
        if unknown:
            raise AiopsError(f"{path}: {', '.join(sorted(unknown))}: not under web.people; add them there or drop the account")

    @property
    def people(self) -> dict[str, Person]:
        """Who is known."""
        return self._daemon.settings.web.people

    def caller(self, request: Request) -> Caller | None:
        """Who comes with a request; None: somebody whose proof is wrong, or who has none where one is needed."""
        header = request.headers.get("authorization")
        if header is not None:
            return self._by_header(header)
        cookie = request.cookies.get(COOKIE)
        found = self._by_cookie(cookie) if cookie else None
        if found is not None:
            return found
        return None if self.people else NOBODY

    def login(self, name: str, password: str) -> str | None:
        """The cookie of somebody who gave the right password; None else."""
        if name not in self.people or not self._accounts.by_password(name, password):
            return None
        ends = int(self._daemon.clock() + self._daemon.settings.web.session)
        return self._cookie(name, ends)

    def one_time(self) -> str:
        """A key with which a browser is logged in as the token's user, once, soon. Only where no people are configured."""
        key = secrets.token_urlsafe(24)
        self._keys[sha256(key.encode()).hexdigest()] = self._daemon.clock() + ENTER_WITHIN_S
        return key

    def enter(self, key: str) -> str | None:
        """The cookie for a key of `one_time`, which is gone then; None for any other."""
        until = self._keys.pop(sha256(key.encode(errors="replace")).hexdigest(), 0.0)
        if self.people or until < self._daemon.clock():
            return None
        user = self._daemon.settings.responses.token_user
        return self._cookie(user, int(self._daemon.clock() + self._daemon.settings.web.session))

    def _by_header(self, header: str) -> Caller | None:
        if matches(header, self._daemon.token):
            return Caller(self._daemon.settings.responses.token_user, "admin", "token", auditor=True)
        scheme, _, given = header.partition(" ")
        name = self._accounts.by_token(given.strip()) if scheme.lower() == "bearer" else None
        return None if name is None else self._known(name, "machine")

    def _by_cookie(self, cookie: str) -> Caller | None:
        try:
            name, ends, _ = base64.urlsafe_b64decode(cookie.encode()).decode().split("|")
            lasts = int(ends) > self._daemon.clock()
        except ValueError:
            return None
        if not lasts or not same(cookie, self._cookie(name, int(ends))):
            return None
        if not self.people:
            user = self._daemon.settings.responses.token_user
            return Caller(user, "admin", "login", auditor=True, session=cookie) if name == user else None
        return self._known(name, "login", cookie)

    def _known(self, name: str, via: Via, session: str = "") -> Caller | None:
        person = self.people.get(name)
        if person is None:
            return None
        return Caller(name, person.role, via, person.auditor, session)

    def _cookie(self, name: str, ends: int) -> str:
        proof = self._accounts.hashes.get((name, "password"), "")
        mark = hmac.new(f"{self._daemon.token}\0{proof}".encode(), f"{name}|{ends}".encode(), sha256).hexdigest()
        return base64.urlsafe_b64encode(f"{name}|{ends}|{mark}".encode()).decode()


@dataclass(frozen=True, slots=True)
class Needs:
    """What a route asks of whoever comes: a role, and what stands in the ledger of it (`audit`; empty: it changes nothing).

    A dependency of FastAPI: gives the caller. A change by a browser that is logged in must bring the session's mark.
    """

    access: Access
    role: Role
    audit: str = ""
    auditor: bool = False

    async def __call__(self, request: Request) -> Caller:
        """Whoever comes, if they may. Raises HTTPException 401 or 403."""
        found = self.access.caller(request)
        if found is None or (found.via == "nothing" and (self.audit or self.role != "viewer")):
            raise HTTPException(401, "give a token (Authorization: Bearer …) or log in", {"WWW-Authenticate": "Bearer"})
        if not found.may(self.role) or (self.auditor and not (found.auditor or found.may("admin"))):
            raise HTTPException(403, f"this takes the role {'auditor' if self.auditor else self.role}")
        if self.audit and found.via == "login" and not same(await _mark(request), found.csrf):
            raise HTTPException(403, "this form is not from a page of this session; load the page again")
        return found


async def fields(request: Request) -> dict[str, str]:
    """The fields of a form, each once. Raises HTTPException 413 for one that is too long."""
    body = await request.body()  # kept by Starlette: whoever asks again gets it too
    if len(body) > FORM_AT_MOST:
        raise HTTPException(413, "too long")
    return {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}


async def _mark(request: Request) -> str:
    form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    return request.headers.get(CSRF_HEADER) or ((await fields(request)).get(CSRF_FIELD, "") if form else "")
