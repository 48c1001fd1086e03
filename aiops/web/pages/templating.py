"""The templates' environment: whatever is put in is escaped and fit to be shown; times become elements that a script can tell
in the reader's zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, select_autoescape
from markupsafe import Markup, escape

from aiops.core.text import visible
from aiops.web.pages.static_files import address

FOLDER = Path(__file__).parents[1] / "templates"
TEXT_AT_MOST = 4000
INSTANT = re.compile(r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z")


def environment() -> Environment:
    """A new environment over the folder of templates."""
    found = Environment(loader=FileSystemLoader(FOLDER), autoescape=select_autoescape(default=True), finalize=fit)
    found.filters["timed"], found.filters["coded"] = timed, coded
    found.globals["static"] = address
    return found


def fit(said: Any) -> Any:
    """Text fit to be shown, whoever wrote it: no control, direction or half characters, not endless; markup of ours stays.

    >>> fit("a\\x00b"), fit(3)
    ('a\\\\x00b', 3)
    """
    if not isinstance(said, str) or isinstance(said, Markup) or (len(said) <= TEXT_AT_MOST and said.isprintable()):
        return said
    return visible(said, TEXT_AT_MOST)


def timed(said: Any) -> Markup:
    """Text, escaped, in which every RFC 3339 instant in UTC is a `time` element.

    >>> str(timed("<b> since 2026-03-02T14:20:00Z"))
    '&lt;b&gt; since <time datetime="2026-03-02T14:20:00Z">2026-03-02 14:20 UTC</time>'
    """
    return Markup(INSTANT.sub(_element, str(escape(fit(said)))))


def coded(said: Any) -> Markup:
    """Text of ours, escaped, with what stands in backticks as code.

    >>> str(coded("see `aiops demo`"))
    'see <code>aiops demo</code>'
    """
    return Markup(re.sub(r"`([^`]*)`", r"<code>\1</code>", str(escape(fit(said)))))


def _element(found: re.Match[str]) -> str:
    try:
        at = datetime.fromisoformat(found[0]).astimezone(UTC)
    except ValueError:  # a label may look like a time and be none
        return found[0]
    shown = f"{at:%Y-%m-%d %H:%M:%S}" if at.second else f"{at:%Y-%m-%d %H:%M}"
    return f'<time datetime="{found[0]}">{shown} UTC</time>'
