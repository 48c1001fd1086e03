"""What a browser keeps of a login: who, since when, until when, sealed under a key that only the daemon has. Pure functions."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Literal

import orjson
from pydantic import TypeAdapter

from aiops.config.oidc import Role

By = Literal["password", "key", "oidc"]
LONGEST = 4000
"""Browsers keep no longer cookie."""


@dataclass(frozen=True, slots=True)
class Login:
    """A login, epoch seconds. `since_s`: when they proved who they are. What follows is said by an identity provider alone; of
    who is in the configuration it stands there. `teams` None: all."""

    name: str
    by: By
    since_s: int
    ends_s: int
    role: Role = "viewer"
    auditor: bool = False
    teams: tuple[str, ...] | None = None
    groups: tuple[str, ...] = ()


_LOGIN = TypeAdapter(Login)


def sealed(login: Login, key: str) -> str:
    """The cookie of a login."""
    return seal(orjson.dumps(asdict(login)), key)


def opened(cookie: str, key_of: Callable[[Login], str]) -> Login | None:
    """The login of a cookie; None for one that was not sealed under its key."""
    try:
        login = _LOGIN.validate_json(_body(cookie))
    except ValueError:
        return None
    return login if unseal(cookie, key_of(login)) is not None else None


def seal(content: bytes, key: str) -> str:
    """`content` in letters that a cookie may hold, with the mark of who made it."""
    return f"{_text(content)}.{_text(_mark(content, key))}"


def unseal(text: str, key: str) -> bytes | None:
    """What was sealed under `key`; None when it was not.

    >>> unseal(seal(b"who", "k"), "k"), unseal(seal(b"who", "k"), "other"), unseal("x", "k")
    (b'who', None, None)
    """
    try:
        content, given = _body(text), _bytes(text.partition(".")[2])
    except ValueError:
        return None
    return content if hmac.compare_digest(given, _mark(content, key)) else None


def _mark(content: bytes, key: str) -> bytes:
    return hmac.new(sha256(key.encode("utf-8", "surrogatepass")).digest(), content, sha256).digest()


def _body(text: str) -> bytes:
    if len(text) > LONGEST:
        raise ValueError("longer than a cookie can be")
    return _bytes(text.partition(".")[0])


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError) as e:
        raise ValueError("no base64") from e


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
