"""The token that every route but GET needs: made at the first start, kept in the data directory, mode 0600."""

from __future__ import annotations

import hmac
import secrets
from pathlib import Path

from aiops.core.errors import AiopsError
from aiops.core.folders import write_whole

SHORTEST, LINK_S = 32, 7 * 86400


def token_of(data_dir: Path) -> tuple[str, bool]:
    """(the token, whether it was made just now). A missing, short, unreadable or too open file is replaced.

    Raises AiopsError when the data directory cannot be written.
    """
    path = data_dir / "token"
    try:
        found = path.read_text("ascii").strip()
        if len(found) >= SHORTEST and not path.stat().st_mode & 0o077:
            return found, False
    except (OSError, ValueError):
        pass  # not there yet, not readable or no text: then a new one takes its place
    try:
        return _made(path), True
    except OSError as e:
        raise AiopsError(f"{path}: the token cannot be kept: {e.strerror}") from e


def link_key(token: str, warning_id: str, now_s: float) -> str:
    """What a link carries that lets its reader call one warning wrong, for 7 to 14 days: its end, HMAC-SHA-256 under the token.

    Links that are made in one week are the same, so that a message that is sent again is the same.
    """
    return _until(token, warning_id, (int(now_s) // LINK_S + 2) * LINK_S)


def link_holds(key: str, token: str, warning_id: str, now_s: float) -> bool:
    """Whether a link was made here, for this warning, and is not over."""
    until = key.partition(".")[0]
    if not (until.isascii() and until.isdigit() and len(until) <= 12):
        return False
    return same(key, _until(token, warning_id, int(until))) and int(until) > now_s


def _until(token: str, warning_id: str, until_s: int) -> str:
    said = b"\0".join((b"wrong", str(until_s).encode(), warning_id.encode()))
    return f"{until_s}.{hmac.new(token.encode(), said, 'sha256').hexdigest()}"


def same(given: str, wanted: str) -> bool:
    """Whether two keys are the same; compared in constant time."""
    return secrets.compare_digest(given.encode(errors="replace"), wanted.encode())


def _made(path: Path) -> str:
    token = secrets.token_urlsafe(32)
    write_whole(path, f"{token}\n".encode(), 0o600)
    return token


def matches(header: str | None, token: str) -> bool:
    """Whether an Authorization header carries the token; compared in constant time."""
    scheme, _, given = (header or "").partition(" ")
    return secrets.compare_digest(given.strip().encode(errors="replace"), token.encode()) and scheme.lower() == "bearer"
