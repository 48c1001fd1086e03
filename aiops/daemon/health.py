"""`aiops healthcheck`: asks a running daemon, for containers that have no curl."""

from __future__ import annotations

import http.client
import ssl
import urllib.request
from pathlib import Path

from aiops.core.text import visible

TIMEOUT_S = 5.0


def ask(url: str, ca_file: Path | None = None) -> tuple[bool, str]:
    """Whether `url`/-/healthy answers 200, and what it says, or why not. Proxies of the environment are not asked.

    `ca_file` is trusted in place of the authorities of the system: of a certificate of one's own the certificate itself.
    """
    where = f"{url.rstrip('/')}/-/healthy"
    if not where.startswith(("http://", "https://")):
        return False, f"{visible(url)}: give a URL that begins with http:// or https://"
    try:
        trusting = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca_file))
    except OSError as e:  # SSLError is one
        why = "it holds no certificate in PEM" if isinstance(e, ssl.SSLError) else e.strerror
        return False, f"--ca-file {visible(str(ca_file))}: {why}"
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({}), trusting).open(where, timeout=TIMEOUT_S) as answer:
            return True, visible(answer.read(200).decode("utf-8", "replace").strip())
    except (OSError, ValueError, http.client.HTTPException) as e:
        hint = "; name what it is signed by with --ca-file" if "CERTIFICATE_VERIFY_FAILED" in str(e) and ca_file is None else ""
        return False, f"{visible(where)}: {visible(str(getattr(e, 'reason', e)) or type(e).__name__)}{hint}"
