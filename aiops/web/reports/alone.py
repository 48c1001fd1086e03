"""A page that stands alone in a file: it asks for nothing, and its policy runs what is in it, by its hash, and nothing else."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, select_autoescape
from markupsafe import Markup

FOLDER = Path(__file__).parents[1]


def page(template: str, styles: Sequence[str], scripts: Sequence[str] = (), **facts: Any) -> str:
    """A template as HTML, with the static files `styles` and `scripts` in it. Text in `facts` may be from anybody: it is escaped.

    The template has the contents of these files as `styles` and `scripts`, and as `policy` what lets only them be used.
    """
    pages = Environment(loader=FileSystemLoader(FOLDER / "templates"), autoescape=select_autoescape(default=True))
    looks, works = ([(FOLDER / "static" / name).read_text("utf-8") for name in names] for names in (styles, scripts))
    allowed = f"default-src 'none'; {_only('script', works)}{_only('style', looks)}base-uri 'none'; form-action 'none'"
    inside = {"policy": allowed, "styles": [Markup(one) for one in looks], "scripts": [Markup(one) for one in works]}
    return pages.get_template(template).render(inside | facts)


def _only(kind: str, contents: Sequence[str]) -> str:
    """The part of the policy that lets only these be used; none where there are none, for by default nothing may be."""
    hashes = " ".join(f"'sha256-{_digest(one)}'" for one in contents)
    return f"{kind}-src {hashes}; " if hashes else ""


def _digest(content: str) -> str:
    return base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
