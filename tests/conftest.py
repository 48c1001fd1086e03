"""What one test configures of the process is not left to the next."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """A command run in the process sets the level of its logs; what is told at a lower one must still be seen by later tests."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)
