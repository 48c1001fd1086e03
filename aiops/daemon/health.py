"""`aiops healthcheck`: asks a running daemon, for containers that have no curl."""

from __future__ import annotations

import http.client
import urllib.request

from aiops.core.text import visible

TIMEOUT_S = 5.0


def ask(url: str) -> tuple[bool, str]:
    """Whether `url`/-/healthy answers 200, and what it says, or why not. Proxies of the environment are not asked."""
    where = f"{url.rstrip('/')}/-/healthy"
    if not where.startswith(("http://", "https://")):
        return False, f"{visible(url)}: give a URL that begins with http:// or https://"
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(where, timeout=TIMEOUT_S) as answer:
            return True, visible(answer.read(200).decode("utf-8", "replace").strip())
    except (OSError, ValueError, http.client.HTTPException) as e:
        return False, f"{visible(where)}: {visible(str(getattr(e, 'reason', e)) or type(e).__name__)}"
