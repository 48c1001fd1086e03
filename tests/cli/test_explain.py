"""`aiops explain`: why a warning was given, and the same computed again."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from aiops.cli.app import app
from aiops.core.records import EarlyWarning
from aiops.models.proof import EVIDENCE, Proofs
from aiops.pipeline import turn
from aiops.store import Store
from tests.daemon.rig import falling
from tests.pipeline.made import START_S, World, rooms_of, watch_of


@pytest.fixture(scope="module")
def warned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, EarlyWarning]:
    """A data directory in which a warning opened by real turns."""
    folder, world = tmp_path_factory.mktemp("data"), World()
    world.add("free", {"instance": "fills"}, falling(0.001))
    with closing(Store.open("", folder)) as store:
        watch, rooms = watch_of(world), rooms_of(store)
        watch.proofs = Proofs(folder / EVIDENCE)
        for now_s in range(START_S + 8 * 3600, START_S + 14 * 3600, 300):
            turn(watch, now_s, rooms)
        (one,) = store.warnings()
    return folder, one


def aiops(folder: Path, *arguments: str) -> Any:
    return CliRunner().invoke(app, ["explain", *arguments, "--data-dir", str(folder)])


def test_it_tells_why_and_where_the_data_came_from(warned: tuple[Path, EarlyWarning]) -> None:
    folder, one = warned
    done = aiops(folder, one.id[:8])
    assert done.exit_code == 0
    assert "  because    " in done.stdout
    assert "  from       made: free\n" in done.stdout
    assert "             made by disk@" in done.stdout
    assert "replayed" not in done.stdout
    facts = json.loads(aiops(folder, one.id, "-o", "json").stdout)
    assert facts["id"] == one.id
    assert facts["lineage"][0]["card"].startswith("disk@")
    assert {"title", "sure", "record", "evidence", "judged_at", "said", "masked"} <= set(facts)
    assert "replay" not in facts


def test_it_is_computed_again_and_the_same(warned: tuple[Path, EarlyWarning]) -> None:
    folder, one = warned
    done = aiops(folder, one.id, "--replay")
    assert (done.exit_code, "replayed   the same, to the bit" in done.stdout) == (0, True)
    found = json.loads(aiops(folder, one.id, "--replay", "-o", "json").stdout)["replay"]
    assert (found["same"], found["differs"]) == (True, [])
    assert found["found"]["time_s"] == [one.raw[name] for name in ("earliest_s", "expected_s", "latest_s")]


def test_of_one_over_many_each_that_it_lists_is_computed_again(warned: tuple[Path, EarlyWarning], tmp_path: Path) -> None:
    folder, one = warned
    both = shutil.copytree(folder, tmp_path / "data")
    cause = one.having(id="c" * 16, fingerprint="c" * 16, members=({"id": one.id, "card": "disk", "entity": {}, "opened_s": 1},))
    with closing(Store.open("", both)) as store, store.transaction() as tx:
        tx.put_warning(cause)
    done = aiops(both, cause.id, "--replay")
    assert (done.exit_code, "replayed   the same, to the bit: each of the 1 that it lists" in done.stdout) == (0, True)
    (kept,) = (both / EVIDENCE).glob(f"{one.id}*.npz")
    kept.unlink()
    done = aiops(both, cause.id, "--replay")
    assert (done.exit_code, f"not: 1 of the 1 that it lists, {one.id}: what it rested on is not kept" in done.stdout) == (1, True)


def test_evidence_that_was_put_in_the_place_of_another_is_not_taken(warned: tuple[Path, EarlyWarning]) -> None:
    folder, one = warned
    note = folder / EVIDENCE / f"{one.id}.json"
    before = note.read_bytes()
    try:
        note.write_bytes(before.replace(b'"horizon_s":259200.0', b'"horizon_s":259201.0'))
        done = aiops(folder, one.id, "--replay")
        assert (done.exit_code, "is not what the ledger says" in done.stdout) == (1, True)
        note.unlink()
        done = aiops(folder, one.id, "--replay", "-o", "json")
        assert (done.exit_code, json.loads(done.stdout)["replay"]["same"]) == (1, False)
    finally:
        note.write_bytes(before)


def test_what_there_is_not_is_said(warned: tuple[Path, EarlyWarning]) -> None:
    folder, _ = warned
    done = aiops(folder, "nothing")
    assert (done.exit_code, "no warning nothing" in done.stderr) == (1, True)
    assert aiops(folder / "none", "x").exit_code == 1
