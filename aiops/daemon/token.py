"""The token that every route but GET needs: made at the first start, kept in the data directory, mode 0600."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def token_of(data_dir: Path) -> tuple[str, bool]:
    """(the token, whether it was made just now). An empty or too open file is replaced."""
    path = data_dir / "token"
    try:
        found = path.read_text().strip()
        if len(found) >= 32 and not path.stat().st_mode & 0o077:
            return found, False
    except OSError:
        pass  # not there yet, or not readable: then a new one takes its place
    token, temporary = secrets.token_urlsafe(32), path.with_name("token.new")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as f:
        f.write(token + "\n")
    os.replace(temporary, path)
    return token, True


def matches(header: str | None, token: str) -> bool:
    """Whether an Authorization header carries the token; compared in constant time."""
    scheme, _, given = (header or "").partition(" ")
    return scheme.lower() == "bearer" and secrets.compare_digest(given.strip().encode(), token.encode())
