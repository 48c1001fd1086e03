"""Where a login may lead, and over what its cookie goes."""

from __future__ import annotations

from typing import Any

import pytest

from aiops.config.access import WebSettings
from aiops.web.access.ways import inside, secure


@pytest.mark.parametrize("to", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "", "/a\nb"])
def test_nowhere_else(to: str) -> None:
    assert inside(to) == "/"


@pytest.mark.parametrize("to", ["/", "/warnings/a%20b?said=x"])
def test_a_page_of_these(to: str) -> None:
    assert inside(to) == to


@pytest.mark.parametrize(
    ("web", "only"),
    [({}, False), ({"external_url": "http://a"}, False), ({"external_url": "https://a"}, True),
     ({"tls": {"cert_file": "/c", "key_file": "/k"}}, True)],
)  # fmt: skip
def test_a_cookie_goes_over_https_where_there_is_https(web: dict[str, Any], only: bool) -> None:
    assert secure(WebSettings.model_validate(web)) is only
