"""A backtest says what a daemon said: a recorded time, with its late and missing samples as they came, through both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from aiops.backtest.arrivals import ArrivedSource, Moment
from aiops.backtest.compare import compare
from aiops.backtest.question import Question
from aiops.config.settings import load_settings
from aiops.core.records import FORETELLING
from aiops.daemon.daemon import Daemon
from aiops.store.codec import to_json
from tests.backtest.carded import card
from tests.backtest.recordings import START, write_json, write_series
from tests.daemon.rig import rig as rig

ROWS_AT_MOST = 10**6


def day(folder: Path, hours: float, step: int, seed: int = 7) -> Path:
    """Disks that fill together, suddenly, or not to the end, beside noisy ones; 6 % of the rows late up to 20 min, 3 % lost."""
    rng = np.random.default_rng(seed)
    count = int(hours * 3600) // step
    x = np.arange(count) / count
    courses = {f"rack{i}": 0.2 + 0.85 * np.clip((x - 0.3) / (0.45 + 0.02 * i), 0, 1.2) for i in range(4)}
    courses |= {"jump": 0.3 + 0.9 * (x > 0.6), "given up": 0.2 + 0.6 * np.clip((x - 0.3) / 0.4, 0, 1) - 0.5 * (x > 0.72)}
    courses["twice"] = 0.2 + 0.9 * np.clip(np.where(x < 0.5, (x - 0.1) / 0.3, (x - 0.6) / 0.3), 0, 1)
    courses |= {f"calm{i}": 0.4 + 0.03 * np.sin(20 * x + i) for i in range(4)}
    for entity, course in courses.items():
        time_s = START + step * np.arange(count)
        values = course + rng.normal(0, 0.003, count)
        if entity == "calm0":
            values[int(0.8 * count) : int(0.85 * count)] += 0.25
        there = rng.random(count) > 0.03
        late = np.where(rng.random(count) < 0.06, rng.integers(1, 1200, count), 0)
        write_series(folder, entity, time_s[there], {"disk": values[there]})
        (folder / "arrivals").mkdir(exist_ok=True)
        part = write_series(folder / "made", entity, time_s[there], {"arrived": (time_s + late)[there]})
        part.replace(folder / "arrivals" / part.name)
    return folder


def config_of(folder: Path, step: str, lateness: str, alone: bool = False, **more: Any) -> Path:
    (folder / "cards").mkdir()
    detects = {"detect": {"model": "seasonal"}, "cohort": ["metric"], "guards": {"persistence": "2/3"}}
    other = [] if alone else [card(step=step)]
    for one in (*other, card(name="both", step=step, signal="full", **detects)):
        write_json(folder / "cards", f"{one['name']}.yaml", one)
    source = {"kind": "recording", "path": str(folder / "rec"), "lateness": lateness, "data_class": "internal"}
    return write_json(folder, "aiops.yaml", {"sources": {"day": source}, "cards": ["cards"], **more})


def lived(config: Path, data_dir: Path, since_s: int, until_s: int) -> list[tuple[Any, Any]]:
    """What a daemon says that is started at `since_s` and lives until `until_s`, turn by turn on a clock of its own."""
    clock = Moment(float(since_s))
    settings = load_settings(config, data_dir=data_dir)
    daemon = Daemon(settings, lambda: settings, clock=clock)
    try:
        for link in daemon.rooms.links.values():
            link.source = ArrivedSource(link.name, link.source.params, link.source.limits, clock)
        step = daemon.rooms.watches[0].step_s
        for now in range(since_s, until_s + 1, step):
            clock.now_s = float(now)
            daemon.mind_masks()
            for watch in daemon.rooms.watches:
                daemon.tick(watch.name)
        outcomes = daemon.store.outcomes(limit=ROWS_AT_MOST)
        by_id = {o.warning_id: to_json(o) for o in outcomes if o.warning_id}
        told = [w for w in daemon.store.warnings(limit=ROWS_AT_MOST) if w.kind in FORETELLING and not w.members]
        found = [(to_json(w.having(runbooks=())), by_id.get(w.id)) for w in told]  # what a runbook would do is not replayed
        return found + [(None, to_json(o)) for o in outcomes if not o.warning_id]
    finally:
        daemon.stop()


def in_order(found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    return sorted((orjson.loads(orjson.dumps(one)) for one in found), key=lambda one: orjson.dumps(one))


def both(folder: Path, hours: float, step: int, lateness: str, workers: int, **more: Any) -> tuple[list[Any], list[Any]]:
    day(folder / "rec", hours, step)
    config = config_of(folder, f"{step}s", lateness, **more)
    since, until = START, START + int(hours * 3600)
    asked = Question(config, None, (), since, until)
    lines = compare(asked, folder / "kept", workers).warning_lines()
    replayed = [_pair(line) for line in lines]
    return in_order(replayed), in_order(lived(config, folder / "data", since, until))


@pytest.mark.parametrize(("lateness", "workers"), [pytest.param("0s", 1, marks=pytest.mark.long), ("20m", 2)])
def test_what_a_daemon_lived_through_is_replayed_exactly(lateness: str, workers: int, tmp_path: Path, rig: Any) -> None:
    replayed, live = both(tmp_path, 44, 600, lateness, workers)
    assert replayed == live
    verdicts = [outcome["verdict"] for _, outcome in live if outcome is not None]
    assert {"hit", "missed"} <= set(verdicts)
    assert {warning["kind"] for warning, _ in live if warning is not None} == {"exhaustion", "anomaly"}


def test_masks_of_what_failed_are_replayed_exactly(tmp_path: Path, rig: Any) -> None:
    masks = {"failures": {"kind": "incidents", "for": "3h", "match": ['entity="twice"']}}
    replayed, live = both(tmp_path, 44, 600, "20m", 2, alone=True, masks=masks)
    assert replayed == live
    config = write_json(tmp_path, "unmasked.yaml", json.loads((tmp_path / "aiops.yaml").read_text()) | {"masks": {}})
    until = START + 44 * 3600
    lines = compare(Question(config, None, (), START, until), tmp_path / "unmasked").warning_lines()
    there, here = ({_opened(w, o) for w, o in found} for found in (live, [_pair(line) for line in lines]))
    assert {entity for entity, *_ in there ^ here} == {"twice"}, "what is masked is judged otherwise, and nothing else"


def _pair(line: bytes) -> tuple[Any, Any]:
    row = json.loads(line)
    return row["warning"], row["outcome"]


def _opened(warning: Any, outcome: Any) -> tuple[Any, ...]:
    """What was said of which entity, when, and what came of it; how sure it was depends on all verdicts."""
    about, began = (warning, warning["opened_s"]) if warning is not None else (outcome, outcome["failed_s"])
    return about["entity"]["entity"], about["card"], began, outcome and outcome["verdict"]


@pytest.mark.long
def test_a_whole_day_of_minutes_is_replayed_exactly(tmp_path: Path, rig: Any) -> None:
    replayed, live = both(tmp_path, 24, 60, "10m", 2)
    assert replayed == live
    assert len(live) > 10
