"""`aiops healthcheck`: asks a running daemon, for containers that have no curl."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request

TIMEOUT_S = 5.0


def check(url: str) -> int:
    """0 when `url`/-/healthy answers 200, else 1 with the reason on stderr."""
    where = f"{url.rstrip('/')}/-/healthy"
    if not where.startswith(("http://", "https://")):
        print(f"{url}: give a URL that begins with http:// or https://", file=sys.stderr)
        return 1
    try:
        with urllib.request.urlopen(where, timeout=TIMEOUT_S) as answer:
            print(answer.read(200).decode("utf-8", "replace").strip())
            return 0
    except (urllib.error.URLError, OSError, ValueError) as e:
        print(f"{where}: {getattr(e, 'reason', e)}", file=sys.stderr)
        return 1
