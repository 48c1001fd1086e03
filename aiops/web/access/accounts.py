"""The accounts file: who can prove to be whom, as hashes; a password by argon2id, a token by SHA-256 (it is random and long)."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from aiops.config.access import ROLES, Role
from aiops.core.errors import AiopsError
from aiops.core.folders import write_whole

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,62}")
SHORTEST_PASSWORD, TOKEN_BYTES = 12, 32
Kind = Literal["password", "token"]
HEAD = "# name:kind:hash, written by `aiops accounts`; keep it at mode 0600\n"
TEAM = re.compile(r"[^\s:,=]{1,100}")


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a token goes: never further than whose it is. `teams` None: as they."""

    role: Role = "admin"
    teams: tuple[str, ...] | None = None

    def __str__(self) -> str:
        return f"role={self.role}" + ("" if self.teams is None else f":teams={','.join(self.teams)}")

    @classmethod
    def parse(cls, text: str) -> Reach:
        """What `str` wrote. Raises ValueError.

        >>> Reach.parse("role=viewer:teams=a,b")
        Reach(role='viewer', teams=('a', 'b'))
        """
        role, _, rest = text.partition(":")
        found = next((one for one in ROLES if role == f"role={one}"), None)
        teams = tuple(rest.removeprefix("teams=").split(",")) if rest else None
        if found is None or (rest and not rest.startswith("teams=")) or not all(map(TEAM.fullmatch, teams or ())):
            raise ValueError(f"{text[:60]!r} is no reach of a token")
        return cls(found, teams)


@dataclass(slots=True)
class Accounts:
    """Hashes by name and kind. A name may have both. `reaches`: how far the tokens go that do not go as far as their people."""

    hashes: dict[tuple[str, Kind], str] = field(default_factory=dict)
    reaches: dict[str, Reach] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Accounts:
        """The accounts of a file. Raises AiopsError: it cannot be read, others may read it, or a line is none."""
        try:
            text = path.read_text("utf-8")
            mode = path.stat().st_mode
        except (OSError, UnicodeDecodeError) as e:
            why = (e.strerror if isinstance(e, OSError) else None) or "it is no UTF-8 text"
            raise AiopsError(f"{path}: cannot be read: {why}") from e
        if mode & 0o077:
            raise AiopsError(f"{path}: others can read it; run chmod 600 {path}")
        found = cls()
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            name, _, rest = line.partition(":")
            kind, _, hashed = rest.strip().partition(":")
            reach = ""
            if kind == "token":
                hashed, _, reach = hashed.partition(":")
            if not NAME.fullmatch(name) or kind not in ("password", "token") or not hashed:
                raise AiopsError(f"{path}:{number}: is no account; write name:password:hash or name:token:hash")
            found.hashes[name, "password" if kind == "password" else "token"] = hashed
            if reach:
                found._limit(name, reach, f"{path}:{number}")
        return found

    def _limit(self, name: str, reach: str, where: str) -> None:
        try:
            self.reaches[name] = Reach.parse(reach)
        except ValueError as e:
            raise AiopsError(f"{where}: {e}; make it with `aiops accounts token`") from None

    def write(self, path: Path) -> None:
        """Replace the file, mode 0600, whole or not at all. Raises AiopsError."""
        known = sorted(self.hashes.items())
        lines = "".join(f"{name}:{kind}:{hashed}{self._reach(name, kind)}\n" for (name, kind), hashed in known)
        try:
            write_whole(path, (HEAD + lines).encode(), 0o600)
        except OSError as e:
            raise AiopsError(f"{path}: cannot be written: {e.strerror}") from e

    def _reach(self, name: str, kind: Kind) -> str:
        reach = self.reaches.get(name) if kind == "token" else None
        return "" if reach is None else f":{reach}"

    def set_password(self, name: str, password: str) -> None:
        """Give a name a password. Raises AiopsError for one that is too short, or a name that is none."""
        from argon2 import PasswordHasher

        if len(password) < SHORTEST_PASSWORD:
            raise AiopsError(f"the password has fewer than {SHORTEST_PASSWORD} characters; use a sentence")
        self.hashes[_name(name), "password"] = PasswordHasher().hash(password)

    def new_token(self, name: str, reach: Reach | None = None) -> str:
        """Make a token for a name, in place of an earlier one; it is shown now and never again. `reach` None: all that they may.

        Raises AiopsError.
        """
        if reach is not None and not all(map(TEAM.fullmatch, reach.teams or ())):
            raise AiopsError("the name of a team holds no space and none of : , =")
        token = f"aiops_{secrets.token_urlsafe(TOKEN_BYTES)}"
        self.hashes[_name(name), "token"] = _digest(token)
        self.reaches.pop(name, None)
        if reach is not None:
            self.reaches[name] = reach
        return token

    def drop(self, name: str) -> bool:
        """Take every proof from a name; whether it had any."""
        gone = [key for key in self.hashes if key[0] == name]
        for key in gone:
            del self.hashes[key]
        self.reaches.pop(name, None)
        return bool(gone)

    def by_password(self, name: str, password: str) -> bool:
        """Whether this is the password of that name; as slow for a name that is not there."""
        from argon2 import PasswordHasher
        from argon2.exceptions import Argon2Error, InvalidHashError

        hashed = self.hashes.get((name, "password"))
        try:
            found = PasswordHasher().verify(hashed or _nobody(), password)
        except (Argon2Error, InvalidHashError):
            return False
        return found and hashed is not None

    def by_token(self, token: str) -> str | None:
        """Whose token this is."""
        digest, found = _digest(token), None
        for (name, kind), hashed in self.hashes.items():
            if kind == "token" and hmac.compare_digest(hashed, digest):
                found = name
        return found


def _name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise AiopsError(f"{name[:60]!r} is no name; use letters, digits and _ . @ -")
    return name


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


_NOBODY: list[str] = []


def _nobody() -> str:
    """The hash that a name which is not there is compared with."""
    if not _NOBODY:
        from argon2 import PasswordHasher

        _NOBODY.append(PasswordHasher().hash(secrets.token_urlsafe(16)))
    return _NOBODY[0]
