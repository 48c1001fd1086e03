"""The accounts file: who can prove to be whom, as hashes; a password by argon2id, a token by SHA-256 (it is random and long)."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from aiops.core.errors import AiopsError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,62}")
SHORTEST_PASSWORD, TOKEN_BYTES = 12, 32
Kind = Literal["password", "token"]
HEAD = "# name:kind:hash, written by `aiops accounts`; keep it at mode 0600\n"


@dataclass(slots=True)
class Accounts:
    """Hashes by name and kind. A name may have both."""

    hashes: dict[tuple[str, Kind], str] = field(default_factory=dict)

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
            kind, _, hashed = rest.partition(":")
            if not NAME.fullmatch(name) or kind not in ("password", "token") or not hashed:
                raise AiopsError(f"{path}:{number}: is no account; write name:password:hash or name:token:hash")
            found.hashes[name, "password" if kind == "password" else "token"] = hashed.strip()
        return found

    def write(self, path: Path) -> None:
        """Replace the file, mode 0600, whole or not at all. Raises AiopsError."""
        lines = "".join(f"{name}:{kind}:{hashed}\n" for (name, kind), hashed in sorted(self.hashes.items()))
        new = path.with_name(path.name + ".new")
        try:
            new.unlink(missing_ok=True)
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(HEAD + lines)
            os.replace(new, path)
        except OSError as e:
            raise AiopsError(f"{path}: cannot be written: {e.strerror}") from e

    def set_password(self, name: str, password: str) -> None:
        """Give a name a password. Raises AiopsError for one that is too short, or a name that is none."""
        from argon2 import PasswordHasher

        if len(password) < SHORTEST_PASSWORD:
            raise AiopsError(f"the password has fewer than {SHORTEST_PASSWORD} characters; use a sentence")
        self.hashes[_name(name), "password"] = PasswordHasher().hash(password)

    def new_token(self, name: str) -> str:
        """Make a token for a name, in place of an earlier one; it is shown now and never again. Raises AiopsError."""
        token = f"aiops_{secrets.token_urlsafe(TOKEN_BYTES)}"
        self.hashes[_name(name), "token"] = _digest(token)
        return token

    def drop(self, name: str) -> bool:
        """Take every proof from a name; whether it had any."""
        gone = [key for key in self.hashes if key[0] == name]
        for key in gone:
            del self.hashes[key]
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
