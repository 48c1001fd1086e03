"""One real Prometheus for all tests of faults in telemetry, and a fresh proxy in front of it for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aiops.responses.doing import Doing
from aiops.store import responses as kept
from aiops.store.responses import Responses
from tests.daemon.rig import rig as rig
from tests.faults.plant import loaded
from tests.faults.proxy import Proxy, proxied
from tests.servers import prometheus


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with prometheus(loaded(tmp_path_factory.mktemp("plant"))) as url:
        yield url


@pytest.fixture
def proxy(real: str) -> Iterator[Proxy]:
    with proxied(real) as found:
        yield found


@pytest.fixture
def other(real: str) -> Iterator[Proxy]:
    with proxied(real) as found:
        yield found


@pytest.fixture
def as_shipped() -> Iterator[None]:
    """What mutants change is put back."""
    before = [(owner, dict(vars(owner))) for owner in (Doing, Responses)]
    leads = kept._leads
    yield
    kept._leads = leads
    for owner, members in before:
        for name, member in members.items():
            if not name.startswith("__"):
                setattr(owner, name, member)
