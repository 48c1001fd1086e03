"""Pages that stand alone: what is in them may be used, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import re
from html import unescape

import pytest

from aiops.web.reports import alone

HOSTILE = "</style><script>alert(1)</script>"


def policy_of(page: str) -> dict[str, list[str]]:
    found = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert found is not None
    parts = (part.split() for part in unescape(found[1]).split(";"))
    return {name: allowed for name, *allowed in parts}


@pytest.mark.parametrize(("template", "styles"), [("report.html", ("report.css",)), ("scan.html", ("scan.css",))])
def test_only_the_styles_that_are_in_it_are_used(template: str, styles: tuple[str, ...]) -> None:
    page = alone.page(template, styles, reports=[], notes=[HOSTILE], rows=[], others=[], total=0)
    inside = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    hashes = [f"'sha256-{base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()}'" for one in inside]
    assert policy_of(page) == {
        "default-src": ["'none'"], "style-src": hashes, "base-uri": ["'none'"], "form-action": ["'none'"],
    }  # fmt: skip
    assert len(inside) == len(styles)
    assert "<script>" not in page
