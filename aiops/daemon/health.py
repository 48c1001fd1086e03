"""`aiops healthcheck`: asks a running daemon, for containers that have no curl."""

from __future__ import annotations

import http.client
import sys
import urllib.request

from aiops.core.text import visible

TIMEOUT_S = 5.0


def check(url: str) -> int:
    """0 when `url`/-/healthy answers 200, else 1 with the reason on stderr. Proxies of the environment are not asked."""
    where = f"{url.rstrip('/')}/-/healthy"
    if not where.startswith(("http://", "https://")):
        print(f"{visible(url)}: give a URL that begins with http:// or https://", file=sys.stderr)
        return 1
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(where, timeout=TIMEOUT_S) as answer:
            print(visible(answer.read(200).decode("utf-8", "replace").strip()))
            return 0
    except (OSError, ValueError, http.client.HTTPException) as e:
        print(f"{visible(where)}: {visible(str(getattr(e, 'reason', e)) or type(e).__name__)}", file=sys.stderr)
        return 1
