"""Whatever is sent: no mistake of ours, and every answer as the schema says; requests are made up from the schema itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from aiops import plugins
from aiops.web.app import make_app
from tests.daemon.rig import WORLDS, Clock, Rig, World, falling
from tests.web.api.test_responses import asking
from tests.web.serving import serving

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "openapi.json").read_text("utf-8"))
OPERATIONS = [(path, method) for path, methods in SCHEMA["paths"].items() for method in methods]
CHECKS: list[Any] = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance,
]  # fmt: skip
TOO_LONG = "Invalid HTTP request received."
"""What the server itself answers to a line that is longer than it reads: the application never sees it."""
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
BOUNDED = settings(max_examples=8, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
LONG = settings(BOUNDED, max_examples=300, derandomize=False)


@dataclass
class Served:
    """A daemon with a warning and a response, on a port of this machine; what there is to name."""

    port: int
    token: str
    named: dict[str, str]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(plugins.BUILT_IN["sources"], "made", "tests.daemon.rig:MadeSource")
        WORLDS["made"] = World()
        rig = Rig(tmp_path_factory.mktemp("any"), Clock(), WORLDS["made"])
        rig.more["web"] = {"requests_per_second": 1e6, "burst": 1_000_000}
        rig.world.add("free", {"instance": "b", "env": "<b>\u202e"}, falling(0.001))
        daemon = asking(rig, patched)
        rig.until_warned()
        (run,) = daemon.responding.runs.newest()
        app = make_app(daemon)
        with serving(app) as port:
            app.state.feed.close()  # else its stream has no end
            names = {"warning_id": run.warning_id, "run_id": run.id, "runbook": "mend"}
            yield Served(port, daemon.token, names)
        rig.stop()


def ask(served: Served, path: str, method: str, chosen: settings) -> None:
    """Send made-up requests to one operation: right and wrong, of what there is and what there is not, with and without proof."""
    operation = schemathesis.openapi.from_dict(SCHEMA)[path][method.upper()]
    there = {name: value for name, value in served.named.items() if f"{{{name}}}" in path}
    bearers = ({"Authorization": f"Bearer {served.token}"},) * 4 + ({}, {"Authorization": "Bearer guess"})
    session = requests.Session()

    @chosen
    @given(data=st.data())
    def sent(data: st.DataObject) -> None:
        mode = data.draw(st.sampled_from(MODES))
        known = {"path_parameters": there} if there and data.draw(st.booleans()) else {}
        case = data.draw(operation.as_strategy(generation_mode=mode, **known))  # type: ignore[arg-type]
        head = data.draw(st.sampled_from(bearers))
        answer = case.call(base_url=f"http://127.0.0.1:{served.port}", headers=head, session=session, timeout=60)
        if answer.text != TOO_LONG:
            case.validate_response(answer, checks=CHECKS)

    with session:
        sent()


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
@pytest.mark.row("A15")
def test_nothing_that_is_sent_breaks_it(served: Served, path: str, method: str) -> None:
    ask(served, path, method, BOUNDED)


@pytest.mark.long
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
@pytest.mark.row("A19")
def test_nothing_breaks_it_however_long_one_tries(served: Served, path: str, method: str) -> None:
    ask(served, path, method, LONG)
