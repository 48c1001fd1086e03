"""One real Prometheus for all tests of faults in telemetry, and a fresh proxy in front of it for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

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
