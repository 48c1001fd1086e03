"""Every warning that opens through the real turn is computed again from what was kept, to the bit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aiops.core.records import EarlyWarning
from aiops.models.proof import Proofs, read_meta, replay
from aiops.pipeline import turn
from aiops.pipeline.watch import Watch
from aiops.store import Store
from aiops.store.about import recorded
from tests.daemon.rig import falling
from tests.notify.samples import memory
from tests.pipeline import ruled
from tests.pipeline.made import START_S, World, anomaly_card, card, rooms_of, watch_of
from tests.pipeline.test_gather import BREAKS_S, STEP_S, jumps

HOUR = 3600


@pytest.fixture
def store() -> Iterator[Store]:
    with memory() as found:
        yield found


def opened(watch: Watch, store: Store, first_s: int, until_s: int, folder: Path) -> list[EarlyWarning]:
    watch.proofs, rooms, found = Proofs(folder), rooms_of(store), list[EarlyWarning]()
    for now_s in range(first_s, until_s, STEP_S):
        found += [e.warning for e in turn(watch, now_s, rooms).events if e.kind == "opened" and e.warning is not None]
    return found


def checked(found: list[EarlyWarning], store: Store, folder: Path) -> list[dict[str, Any]]:
    """What each came to again; that it is the same, and what the ledger says was kept."""
    out = []
    for warning in found:
        again = replay(folder, warning.id)
        assert again.same, (warning.id, again)
        row = recorded(store, "warning.opened", warning.id)
        assert row is not None
        assert row["evidence"] == again.digest
        out.append(dict(again.found))
    return out


def test_forecasts_of_many_rows_at_once(store: Store, tmp_path: Path) -> None:
    world = World()
    for i in range(30):
        noise = lambda t, i=i: 0.0005 * np.sin(t * (0.01 + 0.001 * i))  # noqa: E731
        fall = falling(0.0004 + 0.00003 * i)
        world.add("free", {"instance": f"i{i}"}, lambda t, fall=fall, noise=noise: fall(t) + noise(t))
    watch = watch_of(world, card(guards={"persistence": "3/5"}))
    found = opened(watch, store, START_S + 8 * HOUR, START_S + 14 * HOUR, tmp_path)
    assert len(found) > 20
    for warning, again in zip(found, checked(found, store, tmp_path), strict=True):
        assert again["time_s"] == [warning.raw[name] for name in ("earliest_s", "expected_s", "latest_s")]


def test_what_is_unlike_usual(store: Store, tmp_path: Path) -> None:
    world = World()
    for i, breaks in enumerate([BREAKS_S, BREAKS_S + 1800, 2**40, 2**40]):
        for cpu in range(3):
            world.add("load", {"instance": f"db{i}", "cpu": str(cpu)}, jumps(3 * i + cpu, breaks))
    watch = watch_of(world, anomaly_card(guards={"persistence": "2/3"}))
    found = opened(watch, store, START_S + 20 * HOUR, BREAKS_S + 2 * HOUR, tmp_path)
    assert {dict(warning.entity)["instance"] for warning in found} == {"db0", "db1"}
    for warning, again in zip(found, checked(found, store, tmp_path), strict=True):
        (score,) = again["score"]
        assert score == pytest.approx(warning.symptoms[0].evidence["entity_score"], abs=0.01)
        assert score >= read_meta(tmp_path, warning.id)["threshold"]


def test_one_that_opens_at_the_first_sign_has_nothing_from_before_it(store: Store, tmp_path: Path) -> None:
    world = World()
    for i, breaks in enumerate([BREAKS_S, 2**40, 2**40]):
        world.add("load", {"instance": f"db{i}"}, jumps(i, breaks))
    (one,) = opened(watch_of(world, anomaly_card()), store, START_S + 20 * HOUR, BREAKS_S + HOUR, tmp_path)
    assert "is not kept" in replay(tmp_path, one.id).why
    row = recorded(store, "warning.opened", one.id)
    assert row is not None
    assert "evidence" not in row


def test_alerts_of_rules(tmp_path: Path) -> None:
    world, at = ruled.tank(30.0)
    run = ruled.Run.of(ruled.watch_of(world))
    run.watch.proofs = Proofs(tmp_path)
    run.until(at + 1, 18.0)
    found = [e.warning for r in run.results for e in r.events if e.kind == "opened" and e.warning is not None]
    assert found
    checked(found, run.rooms.store, tmp_path)


def test_without_a_folder_nothing_is_held_and_a_disk_that_refuses_costs_no_warning(store: Store, tmp_path: Path) -> None:
    world = World()
    world.add("free", {"instance": "fills"}, falling(0.001))
    (tmp_path / "evidence").write_text("no folder")
    watch = watch_of(world)
    (one,) = opened(watch, store, START_S + 8 * HOUR, START_S + 14 * HOUR, tmp_path / "evidence")
    row = recorded(store, "warning.opened", one.id)
    assert row is not None
    assert "evidence" not in row


def test_a_lineage_names_the_card_and_the_code_that_made_something_of_it(store: Store, tmp_path: Path) -> None:
    from aiops import __version__

    world = World()
    world.add("free", {"instance": "fills"}, falling(0.001))
    watch = watch_of(world)
    (one,) = opened(watch, store, START_S + 8 * HOUR, START_S + 14 * HOUR, tmp_path)
    lineage = one.symptoms[0].lineage
    assert (lineage.card, lineage.code) == (f"disk@{watch.card.sha}", __version__)
