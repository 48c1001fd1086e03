"""What is told does not depend on the order in which a source tells its series, nor on a restart: every word, in one order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aiops.early_warnings.cause import Together
from aiops.pipeline import Rooms, StoreJournal, keep, turn
from aiops.store import Store
from aiops.store.codec import to_json
from tests.daemon.rig import START_S, Course, World, calm, card
from tests.pipeline.made import watch_of
from tests.pipeline.panel import OUT

STEP, BEGINS = 300, START_S + 8 * 3600
LABELS = [{"instance": f"i{i // 3}", "disk": f"d{i % 3}", "rack": f"r{i // 9}"} for i in range(18)]
"""Six hosts of three disks each in two racks; two disks of each host fill, which of them sooner differs."""


def fills(per_minute: float) -> Course:
    """Flat for two hours, then a straight line down: what has fallen since before anything is held shares no beginning."""
    return lambda t: 0.8 - per_minute * np.maximum(t - START_S - 7200, 0) / 60


def lived(order: np.ndarray, folder: Path | None = None, **more: Any) -> dict[str, Any]:
    """What was kept of three hours of turns, in the order in which it was kept; with a `folder` restarted half way."""
    world, store, written = World(), Store.open("sqlite://", None), card(**more)
    for i in order.tolist():
        world.add("free", LABELS[i], calm(0.6) if i % 3 == 1 else fills(0.0006 + 0.00004 * (5 * i % 18)))
    watch = watch_of(world, written, folder=folder)
    rooms = Rooms(store, StoreJournal(store), routes=[OUT], local_receivers=frozenset({"out"}), together=Together())
    rooms.watches.append(watch)
    for now in range(BEGINS, BEGINS + 3 * 3600, STEP):
        if folder is not None and now == BEGINS + 5400:
            keep.save(watch, folder)
            rooms.watches[:] = [watch := watch_of(world, written, folder=folder)]
            keep.restore(watch, store, folder)
        assert turn(watch, now // STEP * STEP, rooms).error is None
    told = [row.payload["text"] for row in store.due(BEGINS + 10**6, 10**6)]
    ledger = [(row.action, row.object, row.detail) for row in store.ledger_rows(limit=10**6) if row.action != "genesis"]
    return {"open": to_json(store.open_warnings()), "told": told, "ledger": ledger}


@pytest.mark.parametrize("more", [{}, {"detect": {"model": "seasonal"}, "cohort": ["rack"]}], ids=["limit", "both"])
@pytest.mark.parametrize("entity", [["instance"], ["instance", "disk"]], ids=["hosts", "disks"])
def test_nothing_that_is_told_depends_on_the_order_of_series_or_a_restart(
    entity: list[str], more: dict[str, Any], tmp_path: Path
) -> None:
    want = lived(np.arange(18), entity=entity, **more)
    assert len(want["open"]) >= 4
    assert any(one["members"] for one in want["open"])
    for seed, folder in ((3, None), (4, tmp_path)):
        found = lived(np.random.default_rng(seed).permutation(18), folder, entity=entity, **more)
        for part, wanted in want.items():
            assert found[part] == wanted, part


def test_the_series_that_leads_is_the_first_that_is_told() -> None:
    """Of several disks of a host the one whose time is told, wherever its source puts it."""
    for warning in lived(np.arange(18), entity=["instance"])["open"]:
        if not warning["members"]:
            assert warning["symptoms"][0]["labels"] == warning["labels"]


def strange(order: list[int]) -> tuple[Any, list[str]]:
    """What is open, and told, of a host whose seven disks jump, six of them copies of one, in the order of their series."""
    world, store, rng = World(), Store.open("sqlite://", None), np.random.default_rng(1)
    jumps, noise = START_S + 2 * 86400, rng.normal(0.5, 0.01, (2, 3 * 86400 // STEP))
    for i in order:
        of = noise[min(i, 1)]
        labels = {"instance": "i0", "disk": f"d{i}"}
        world.add("free", labels, lambda t, of=of: of[(t - START_S) // STEP] + np.where(t >= jumps, 4.0, 0.0))
    watch = watch_of(world, card(forecast={"limit": {"above": 1e6}}, detect={"model": "seasonal"}, entity=["instance"]))
    rooms = Rooms(store, StoreJournal(store), routes=[OUT], local_receivers=frozenset({"out"}))
    rooms.watches.append(watch)
    for now in range(jumps - 3600, jumps + 1800, STEP):
        assert turn(watch, now, rooms).error is None
    return to_json(store.open_warnings()), [row.payload["text"] for row in store.due(jumps + 10**6, 10**6)]


def test_which_of_series_that_are_equal_are_named_hangs_on_their_labels() -> None:
    want = strange(list(range(7)))
    assert [one["disk"] for one in (s["labels"] for s in want[0][0]["symptoms"])] == ["d0", "d1"]
    for seed in range(3):
        assert strange(np.random.default_rng(seed).permutation(7).tolist()) == want
