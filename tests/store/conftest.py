from __future__ import annotations

from typing import cast

import pytest

from tests.postgres import Server
from tests.postgres import postgres as postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """Where a store is kept: a test that asks for it holds on both databases."""
    if request.param == "sqlite":
        return ""
    return cast(Server, request.getfixturevalue("postgres")).database()
