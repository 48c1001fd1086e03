"""What every way of logging in shares: the cookie that is left behind, and where it may lead."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from fastapi.responses import Response

from aiops.config.access import WebSettings
from aiops.web.access.access import COOKIE

Render = Callable[..., str]


def secure(settings: WebSettings) -> bool:
    """Whether browsers are to send cookies over HTTPS alone."""
    return settings.tls is not None or settings.external_url.startswith("https://")


def admitted(response: Response, settings: WebSettings, cookie: str) -> Response:
    """An answer that leaves a login on the device."""
    response.set_cookie(
        COOKIE, cookie, int(settings.session), httponly=True, samesite="strict", secure=secure(settings)
    )
    return response


def inside(to: str) -> str:
    """A path of these pages; the first one where it would lead away.

    >>> inside("/rules"), inside("//evil.example")
    ('/rules', '/')
    """
    parts = urlsplit(to)
    away = not to.startswith("/") or to.startswith(("//", "/\\")) or parts.netloc or parts.scheme
    return "/" if away or any(ord(one) < 32 for one in to) else to
