"""From the configuration to what is done: real programs, requests and messages, by the daemon's own wiring."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aiops.config.settings import Settings
from aiops.daemon.only import ResponsesOnly
from aiops.store import Store
from aiops.store.responses import Responses
from tests.responses.actions.samples import CANARY, Web, everything_in, script, web
from tests.responses.rig import START_S, book, early

FINAL = {"timeout": "1m", "idempotent": True, "irreversible": "What is gone is gone for good."}
STEPS: list[dict[str, Any]] = [
    {
        "id": "report", "uses": "exec", "effect": "read", "timeout": "1m", "output": "json",
        "with": {"argv": ["report", "--", "${{ target.instance }}"]},
    },
    {"id": "plan", "uses": "compute", "with": {"bytes": "steps.report.json.bytes * 2"}},
    {
        "id": "clean", "uses": "exec", "effect": "write", **FINAL,
        "with": {"argv": ["clean", "${{ steps.plan.bytes }}"], "secrets_env": {"PASSWORD": {"secret": "api"}}},
    },
    {
        "id": "told", "uses": "notify",
        "with": {"route": "stdout", "message": "freed ${{ steps.plan.bytes }} on ${{ target.instance }}"},
    },
]  # fmt: skip


def grow(server: Web) -> dict[str, Any]:
    given: dict[str, Any] = {"method": "PUT", "url": f"{server.url}/v1/size", "auth": {"bearer": {"secret": "api"}}}
    given |= {"json": {"size": "${{ steps.plan.bytes }}"}}
    return {"id": "grow", "uses": "http", "effect": "write", **FINAL, "with": given}


@pytest.fixture
def server() -> Iterator[Web]:
    with web(lambda seen: (200, {"echo": seen.headers["authorization"]})) as found:
        yield found


def settings(folder: Path, server: Web, *steps: dict[str, Any]) -> Settings:
    """A configuration in which `report` and `clean` may run, and the server may be asked."""
    for name in ("data", "books", "secrets"):
        (folder / name).mkdir()
    (folder / "books" / "mend.yaml").write_text(json.dumps(book(*steps, mode="auto")))
    (folder / "secrets" / "api").write_text(f"{CANARY}\n")
    programs = {
        "report": str(script(folder, 'printf \'{"bytes": %d, "for": "%s"}\' 21 "$2"', "report")),
        "clean": str(script(folder, f'echo "$1 $PASSWORD" > {folder}/cleaned; echo "used $PASSWORD"', "clean")),
    }
    http = {"hosts": [server.host], "networks": ["127.0.0.0/8"], "secrets": {"api": [server.host]}}
    actions = {"exec": {"programs": programs}, "http": http}
    responses = {"ceiling": "auto", "secrets_dir": str(folder / "secrets"), "actions": actions}
    return Settings(data_dir=folder / "data", runbooks=[folder / "books"], responses=responses)  # type: ignore[arg-type]


def carried_on(chosen: Settings, looks: int = 3) -> dict[str, str]:
    """The state of each step, after so many looks of a daemon at one warning."""
    store = Store.open("", chosen.data_dir)
    with store.transaction() as tx:
        tx.put_warning(early())
    store.close()
    daemon = ResponsesOnly(chosen, lambda: START_S)
    try:
        daemon.responding.keep()
        for _ in range(looks):
            daemon.once()
            assert daemon.responding.engine.settle(60.0)
        (run,) = daemon.responding.runs.newest()
        return {row.step_id: row.state for row in daemon.responding.runs.steps(run.id)}
    finally:
        daemon.close()


def test_what_a_runbook_says_is_done(tmp_path: Path, server: Web, capsys: pytest.CaptureFixture[str]) -> None:
    states = carried_on(settings(tmp_path, server, *STEPS[:3], grow(server), STEPS[3]))
    assert states == dict.fromkeys(("report", "plan", "clean", "grow", "told"), "DONE")
    assert (tmp_path / "cleaned").read_text() == f"42 {CANARY}\n"
    (asked,) = server.seen
    assert (asked.json(), asked.headers["authorization"]) == ({"size": 42}, f"Bearer {CANARY}")
    assert "freed 42 on a1" in capsys.readouterr().out


@pytest.mark.row("X15")
def test_a_secret_is_kept_nowhere(tmp_path: Path, server: Web, capfd: pytest.CaptureFixture[str]) -> None:
    carried_on(settings(tmp_path, server, *STEPS[:3], grow(server)))
    kept = everything_in(tmp_path / "data")
    assert b"used [secret]" in kept
    assert CANARY.encode() not in kept
    assert CANARY.encode().hex().encode() not in kept
    assert CANARY not in "".join(capfd.readouterr())


def test_what_the_configuration_does_not_list_is_not_begun(tmp_path: Path, server: Web) -> None:
    chosen = settings(tmp_path, server, *STEPS[:3], grow(server))
    chosen.responses.actions["exec"]["programs"].pop("clean")
    assert carried_on(chosen) == {"report": "DONE", "plan": "DONE", "clean": "PENDING", "grow": "PENDING"}
    with contextlib.closing(Store.reading("", chosen.data_dir)) as store:
        (run,) = Responses(store).newest()
    why = "clean: clean is not listed under responses.actions.exec.programs"
    assert (run.state, run.body["why"]) == ("blocked", why)
    assert not (tmp_path / "cleaned").exists()
    assert server.seen == []
