"""What the pages load: style sheets and scripts, each under an address that names its content, packed once."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Header, HTTPException
from fastapi.responses import Response

FOLDER = Path(__file__).parents[1] / "static"
FILES = {
    "aiops.css": "", "aiops.js": "", "episode.js": "", "htmx.min.js": "htmx", "sse.min.js": "htmx", "uPlot.iife.min.js": "uplot",
    "uPlot.min.css": "uplot",
}  # fmt: skip
"""Names and the folders they lie in; nothing else is served."""
MEDIA = {".css": "text/css", ".js": "text/javascript"}
FOR_GOOD, ASK_AGAIN = "public, max-age=31536000, immutable", "no-cache"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file, as it is and packed with gzip; `version` names its content."""

    body: bytes
    packed: bytes
    version: str
    media: str


@cache
def asset(name: str) -> Asset:
    """A file of the pages. Raises KeyError for any other."""
    path = FOLDER / FILES[name] / name
    body, media = path.read_bytes(), f"{MEDIA[path.suffix]}; charset=utf-8"
    return Asset(body, gzip.compress(body, 9, mtime=0), sha256(body).hexdigest()[:16], media)


def address(name: str) -> str:
    """Where a page finds a file; another address as soon as its content is another one."""
    return f"/static/{name}?v={asset(name).version}"


def add_static(app: FastAPI) -> None:
    """Add the route."""

    @app.get("/static/{name}", include_in_schema=False)
    async def static(name: str, v: str = "", accept_encoding: Annotated[str, Header()] = "") -> Response:
        if name not in FILES:
            raise HTTPException(404, "no such file")
        found = asset(name)
        headers = {"Cache-Control": FOR_GOOD if v == found.version else ASK_AGAIN, "Vary": "Accept-Encoding"}
        if _takes_gzip(accept_encoding):
            return Response(found.packed, media_type=found.media, headers=headers | {"Content-Encoding": "gzip"})
        return Response(found.body, media_type=found.media, headers=headers)


def _takes_gzip(header: str) -> bool:
    """Whether an Accept-Encoding names gzip without refusing it."""
    for part in header.split(","):
        name, *options = (one.strip().lower() for one in part.split(";"))
        if name == "gzip":
            return not any(one.replace(" ", "") in ("q=0", "q=0.0", "q=0.00", "q=0.000") for one in options)
    return False
